import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cache, CacheKeyNotFoundError } from "sojourn";
import { describeWithMemcached } from "../support/memcached-server.ts";
import { Random } from "../support/random.ts";
import { scaled, seed } from "../support/scale.ts";
import { type CacheCall, callNode, fromDjango, KEYS, randomCall, toDjango } from "./support/cache-calls.ts";
import { describeWithEnvironment } from "./support/djangos.ts";
import { MemcachedSite } from "./support/memcached-site.ts";

const CALLS = scaled(1500, 100_000);
const CALLS_A_ROUND = 100;
const VERSIONS = [1, 2, 3];

await describeWithEnvironment("lts", (django) => {
  describeWithMemcached("random calls", () => {
    let both: MemcachedSite;
    let node: Cache;

    beforeAll(async () => {
      both = await MemcachedSite.start(django, { isModelled: true });
      node = both.node("default");
    });

    afterAll(() => both?.stop());

    async function callDjango(cache: string, calls: readonly CacheCall[]): Promise<unknown[]> {
      const lists = calls.map(toDjango);
      const sent = lists.flat().map((call) => ({ ...call, cache }));
      const answers = await both.site.visitor().post<unknown[]>("/cache-calls", { calls: sent });
      let at = 0;
      return lists.map((list, index) => {
        const answer = fromDjango(calls[index] as CacheCall, answers[at]);
        at += list.length;
        return answer;
      });
    }

    test(
      `${CALLS} of them on one memcached, by Node and by Django in turn, answer as LocMemCache does`,
      async () => {
        const random = new Random(seed);
        let found = 0;
        for (let round = 0; round < CALLS / CALLS_A_ROUND; round++) {
          const calls = Array.from({ length: CALLS_A_ROUND }, () => aboveZero(randomCall(random)));
          const expected = await callDjango("model", calls);
          for (let at = 0; at < calls.length;) {
            const segment = calls.slice(at, at + random.integer(1, 15));
            const answers =
              random.next() < 0.5
                ? await callNodeInTurn(node, segment)
                : await callDjango("default", segment);
            for (const [offset, call] of segment.entries()) {
              const said = `SOJOURN_SEED=${seed}, round ${round}: ${JSON.stringify(call)}`;
              expect(answers[offset], said).toEqual(expected[at + offset]);
              if (answers[offset] !== "gone" && answers[offset] !== false) found++;
            }
            at += segment.length;
          }
          await compareStates(`SOJOURN_SEED=${seed}, round ${round}`);
        }
        expect(found).toBeGreaterThan(CALLS / 2);
      },
      scaled(120_000, 3_600_000),
    );

    /** All sides have the same entries; then all are emptied. */
    async function compareStates(said: string): Promise<void> {
      for (const version of VERSIONS) {
        const [model, there] = [both.django("model"), both.django("default")];
        const entries = await model.call("get_many", [KEYS], { version });
        expect(await there.call("get_many", [KEYS], { version }), said).toEqual(entries);
        expect(Object.fromEntries(await node.getMany(KEYS, { version })), said).toEqual(entries);
        await model.call("delete_many", [KEYS], { version });
        await node.deleteMany(KEYS, { version });
      }
    }
  });
});

/** Counters stay above 0, below which memcached does not count. */
function aboveZero(call: CacheCall): CacheCall {
  return typeof call.value === "number" && Number.isInteger(call.value)
    ? { ...call, value: call.value + 10_000 }
    : call;
}

async function callNodeInTurn(cache: Cache, calls: readonly CacheCall[]): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const call of calls) answers.push(await callNode(cache, call).catch(toDjangoError));
  return answers;
}

/** `ValueError` is what Django raises for an entry that is not there. */
function toDjangoError(error: unknown): { readonly error: string } {
  if (error instanceof CacheKeyNotFoundError) return { error: "ValueError" };
  throw error;
}
