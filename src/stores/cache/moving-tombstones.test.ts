import { describe, expect, test } from "vitest";
import { openMove } from "../../../test/support/moving-store.ts";
import { around, later } from "../../../test/support/store-steps.ts";
import type { SessionStore } from "../session-store.ts";
import type { SessionTombstones } from "../session-tombstones.ts";
import { cacheSessionStore } from "./index.ts";

describe("tombstones during a move", () => {
  const MINUTE = 60_000;
  type Opened = ReturnType<typeof openMove>;
  type Side = (opened: Opened) => SessionStore;
  const [stepBefore, stepFollowing, stepMoving, stepAfter] = [
    ({ from }: Opened) => from,
    (opened: Opened) => opened.follower,
    (opened: Opened) => opened.mover,
    ({ cacheAlone }: Opened) => cacheAlone,
  ] as const satisfies Side[];
  const neighbours: [string, Side, Side][] = [
    ["the store that sessions come from, and a follower", stepBefore, stepFollowing],
    ["a follower and a mover", stepFollowing, stepMoving],
    ["a mover and the cache alone", stepMoving, stepAfter],
  ];

  describe.each(neighbours)("between %s", (_, one, two) => {
    test.each([
      ["there", one, two],
      ["back", two, one],
    ])("an addition or a replacement by one is read by the other: %s", async (_way, writer, reader) => {
      const opened = openMove();
      const [{ tombstones: written }, { tombstones: read }] = [writer(opened), reader(opened)];
      expect(await written?.add("name", "moved", MINUTE, later())).toBeUndefined();
      expect(await read?.read("name", later())).toBe("moved");
      expect(await read?.add("name", "late", MINUTE, later())).toBe("moved");
      await written?.replace("name", "ended", MINUTE, later());
      expect(await read?.read("name", later())).toBe("ended");
      expect(await read?.add("name", "late", MINUTE, later())).toBe("ended");
      expect(await written?.add("name", "later", MINUTE, later())).toBe("ended");
    });

    test("a deletion by the first is visible to both", async () => {
      const opened = openMove();
      const [{ tombstones: deleting }, { tombstones: other }] = [one(opened), two(opened)];
      await other?.add("name", "moved", MINUTE, later());
      await deleting?.delete("name", later());
      for (const tombstones of [deleting, other])
        expect(await tombstones?.read("name", later())).toBeUndefined();
    });

    test("of 20 parallel additions exactly one is stored, and all return it", async () => {
      const opened = openMove();
      const texts = Array.from({ length: 20 }, (__, index) => `addition ${index}`);
      const answers = await Promise.all(
        texts.map(async (text, index) =>
          (index % 2 === 0 ? one : two)(opened).tombstones?.add("name", text, MINUTE, later()),
        ),
      );
      const stored = await one(opened).tombstones?.read("name", later());
      expect(answers).toEqual(texts.map((text) => (text === stored ? undefined : stored)));
      expect(await two(opened).tombstones?.read("name", later())).toBe(stored);
    });
  });

  test("an addition in the cache that comes in between is the one that counts", async () => {
    const opened = openMove();
    const { from, cacheAlone, mover } = opened;
    around(from.tombstones as SessionTombstones, "add", {
      after: async () => cacheAlone.tombstones?.add("name", "of the cache", MINUTE, later()),
    });
    expect(await mover.tombstones?.add("name", "of the mover", MINUTE, later())).toBe("of the cache");
    for (const { tombstones } of [from, opened.follower, mover, cacheAlone]) {
      expect(await tombstones?.read("name", later())).toBe("of the cache");
    }
  });

  test("an addition that another instance has begun in the other store is completed", async () => {
    const { from, follower, mover, cacheAlone } = openMove();
    await from.tombstones?.add("name", "begun", MINUTE, later());
    expect(await mover.tombstones?.add("name", "late", MINUTE, later())).toBe("begun");
    expect(await follower.tombstones?.read("name", later())).toBe("begun");
    expect(await cacheAlone.tombstones?.read("name", later())).toBe("begun");
  });

  test("are those of the cache if the other store has none", async () => {
    const { context, cache, from, cacheAlone } = openMove();
    const bare = new Proxy(from, {
      get: (target, name): unknown => (name === "tombstones" ? undefined : Reflect.get(target, name)),
    });
    const { tombstones } = cacheSessionStore({ store: () => cache, from: () => bare })(context);
    await tombstones?.add("name", "moved", MINUTE, later());
    expect(await cacheAlone.tombstones?.read("name", later())).toBe("moved");
  });
});
