import { afterAll, expect } from "vitest";
import { type Cache, CacheKeyNotFoundError, createSojourn, type Sojourn } from "sojourn";
import { memoryCacheStore } from "sojourn/stores/memory";
import { Random } from "../support/random.ts";
import { redisTest as test } from "../support/fixtures/redis.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { scaled, seed } from "../support/scale.ts";
import {
  type CacheCall,
  callNode,
  type DjangoCall,
  fromDjango,
  KEYS,
  randomCall,
  toDjango,
} from "./support/cache-calls.ts";
import { SECRET } from "./support/django-peer.ts";
import { DjangoSite } from "./support/django-site.ts";
import { describeWithEnvironment } from "./support/djangos.ts";

const CALLS = scaled(10_000, 200_000);
const CALLS_A_ROUND = 100;
/** Other than Django's 300, and than those of calls. */
const TIMEOUT = 500;

const CACHES = (url: string) => ({
  default: {
    BACKEND: "django.core.cache.backends.locmem.LocMemCache",
    TIMEOUT,
    OPTIONS: { MAX_ENTRIES: 10_000 },
  },
  shared: {
    BACKEND: "django_redis.cache.RedisCache",
    LOCATION: url,
    KEY_PREFIX: "shared",
    TIMEOUT,
    OPTIONS: { SERIALIZER: "django_redis.serializers.json.JSONSerializer" },
  },
});

await describeWithEnvironment("lts", (django) => {
  describeWithRedis("random calls", () => {
    let site: DjangoSite;
    let sojourn: Sojourn<object>;
    let shared: Cache;
    let memory: Cache;

    test.beforeAll(async ({ server }) => {
      site = await DjangoSite.start({
        django,
        redisUrl: server.url,
        settings: { CACHES: CACHES(server.url) },
      });
      sojourn = createSojourn<object>({
        projectName: "calls",
        secretKey: SECRET,
        redis: { default: server.url },
        caches: {
          shared: { keyPrefix: "shared", timeout: TIMEOUT, deadline: "20s" },
          memory: { keyPrefix: "memory", timeout: TIMEOUT, store: memoryCacheStore({ maxEntries: 10_000 }) },
        },
      });
      ({ shared, memory } = sojourn.caches as unknown as { shared: Cache; memory: Cache });
    });

    afterAll(async () => {
      await sojourn?.close();
      await site?.stop();
    });

    async function callDjango(cache: string, calls: readonly CacheCall[]): Promise<unknown[]> {
      const lists = calls.map(toDjango);
      const sent = lists.flat().map((call: DjangoCall) => ({ ...call, cache }));
      const answers = await site.visitor().post<unknown[]>("/cache-calls", { calls: sent });
      let at = 0;
      return lists.map((list, index) => {
        const answer = fromDjango(calls[index] as CacheCall, answers[at]);
        at += list.length;
        return answer;
      });
    }

    test(
      `${CALLS} of them on one Redis, by Node and by django-redis in turn, and in Node's memory, answer as LocMemCache does`,
      { timeout: scaled(300_000, 3_600_000) },
      async () => {
        const random = new Random(seed);
        const counts = { compared: 0, found: 0 };
        for (let round = 0; round < CALLS / CALLS_A_ROUND; round++) {
          const calls = Array.from({ length: CALLS_A_ROUND }, () => randomCall(random));
          const expected = await callDjango("default", calls);
          const said = (at: number): string =>
            `SOJOURN_SEED=${seed}, round ${round}: ${JSON.stringify(calls[at])}`;
          const compare = (at: number, answer: unknown): void => {
            counts.compared++;
            if (expected[at] !== "gone" && expected[at] !== false) counts.found++;
            expect(answer, said(at)).toEqual(expected[at]);
          };
          for (let at = 0; at < calls.length;) {
            const segment = calls.slice(at, at + random.integer(1, 15));
            const isNode = random.next() < 0.5;
            const answers = isNode ? undefined : await callDjango("shared", segment);
            for (const [offset, call] of segment.entries()) {
              const inMemory = await answerOf(callNode(memory, call));
              const inRedis =
                answers === undefined ? await answerOf(callNode(shared, call)) : answers[offset];
              compare(at + offset, inMemory);
              // django-redis answers False for an entry that does not expire anyway.
              const isOwn =
                answers !== undefined && call.name === "touch" && call.timeout === null && inRedis === false;
              if (!isOwn) compare(at + offset, inRedis);
            }
            at += segment.length;
          }
          await compareStates(`SOJOURN_SEED=${seed}, round ${round}`);
        }
        expect(counts.compared).toBeGreaterThan(1.9 * CALLS);
        expect(counts.found).toBeGreaterThan(CALLS / 2);
      },
    );

    /** All sides have the same keys, and all but LocMemCache tell the same times; then all are emptied. */
    async function compareStates(said: string): Promise<void> {
      for (const version of [1, 2, 3]) {
        const ttls = KEYS.map((key) => ({
          operation: "ttl",
          arguments: [key],
          options: { version },
          cache: "shared",
        }));
        const names = { operation: "keys", arguments: ["*"], options: { version }, cache: "shared" };
        const [keys, ...theirs] = await site
          .visitor()
          .post<unknown[]>("/cache-calls", { calls: [names, ...ttls] });
        const [inRedis, inMemory] = [
          await shared.keys("*", { version }),
          await memory.keys("*", { version }),
        ];
        expect(inRedis.toSorted(), said).toEqual((keys as string[]).toSorted());
        expect(inMemory.toSorted(), said).toEqual(inRedis.toSorted());
        for (const [index, key] of KEYS.entries()) {
          const ours = [await shared.ttl(key, { version }), await memory.ttl(key, { version })];
          const left = theirs[index] === 0 ? undefined : theirs[index];
          for (const each of ours)
            expect(isNear(each, left), `${said}, ${key}: ${each} and ${String(left)} s`).toBe(true);
        }
      }
      await Promise.all([shared.clear(), memory.clear()]);
      const clear = { operation: "clear", arguments: [], options: {}, cache: "default" };
      await site.visitor().post("/cache-calls", { calls: [clear] });
    }
  });
});

/** Whether two sides tell the same time; a round takes some seconds on a busy machine. */
function isNear(ours: unknown, theirs: unknown): boolean {
  if (typeof ours !== "number" || typeof theirs !== "number") return ours === theirs;
  return Math.abs(ours - theirs) <= 10;
}

/** `ValueError` is what Django raises for an entry that is not there. */
async function answerOf(answer: Promise<unknown>): Promise<unknown> {
  return answer.catch((error: unknown) => {
    if (error instanceof CacheKeyNotFoundError) return { error: "ValueError" };
    throw error;
  });
}
