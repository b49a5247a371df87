import fc from "fast-check";
import { expect, test } from "vitest";
import { scaled, seed } from "../../test/support/scale.ts";
import { Fifo } from "./fifo.ts";

test("items come out as they went in, as from an array", () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 1500 }), fc.integer({ min: -2500, max: -1 })));
  fc.assert(
    fc.property(steps, (counts) => {
      const [queue, array] = [new Fifo<number>(), Array.of<number>()];
      let next = 0;
      for (const count of counts) {
        for (let left = count; left > 0; left--) {
          queue.push(next);
          array.push(next++);
        }
        for (let left = count; left < 0; left++) expect(queue.shift()).toBe(array.shift());
        expect([queue.length, queue.first]).toEqual([array.length, array[0]]);
      }
      expect(queue.takeAll()).toEqual(array);
      expect([queue.length, queue.first, queue.shift()]).toEqual([0, undefined, undefined]);
    }),
    { seed, numRuns: scaled(20, 1000) },
  );
});
