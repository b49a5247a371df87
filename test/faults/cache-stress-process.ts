// A process of its own that reads, deletes and touches entries at random until it is told to stop: see
// cache-stress.test.ts.
import { createClient } from "@redis/client";
import { createSojourn, isSojournError } from "sojourn";

/** Counts and findings of one process. */
export interface StressReport {
  readonly counts: Readonly<Record<string, number>>;
  /** Values that were older than a delete that had returned before they were asked for. */
  readonly old: readonly string[];
}

export const KEYS = Array.from({ length: 12 }, (_, index) => `k${index}`);
export const TAGS = ["even", "odd"] as const;

/** Settings of the caches, in each process and in the test. */
export const SETTINGS = { keyPrefix: "stress", deadline: 2, lease: 1 } as const;

// Keys of the source: the version of each key, and the newest one whose delete has returned.
const truthOf = (key: string): string => `truth-${key}`;
const floorOf = (key: string): string => `floor-${key}`;

// Only to be raised: deletes return in another order than they began in.
const RAISE =
  "local at = tonumber(redis.call('GET', KEYS[1]) or '0') if tonumber(ARGV[1]) > at then redis.call('SET', KEYS[1], ARGV[1]) end";

if (process.argv[2] !== undefined && process.send !== undefined) await work(process.argv[2]);

async function work(url: string): Promise<void> {
  const source = await createClient({ url, name: "source" }).connect();
  const { caches, close } = createSojourn({
    projectName: "stress",
    secretKey: "a secret of the processes under stress",
    redis: { default: url },
    caches: { default: SETTINGS },
  });
  const cache = caches.default;
  const counts: Record<string, number> = {};
  const old: string[] = [];
  let isStopping = false;

  const tagOf = (key: string): string => TAGS[Number(key.slice(1)) % TAGS.length] ?? "";
  const pick = <Item>(items: readonly Item[]): Item =>
    items[Math.floor(Math.random() * items.length)] as Item;
  const versionOf = async (key: string): Promise<number> => Number(await source.get(truthOf(key)));
  const floorsOf = async (keys: readonly string[]): Promise<number[]> =>
    (await source.mGet(keys.map(floorOf))).map(Number);

  const check = (name: string, key: string, value: unknown, floor = 0): void => {
    if (typeof value === "number" && value < floor)
      old.push(`${name} of ${key} gave ${value} after ${floor}`);
  };

  async function read(): Promise<void> {
    const key = pick(KEYS);
    const [floor] = await floorsOf([key]);
    const value = await cache.getOrSet(
      key,
      async (load) => {
        const version = await versionOf(key);
        await new Promise((resolve) => void setTimeout(resolve, Math.random() * 20));
        if (Math.random() < 0.1) load.skip();
        if (Math.random() < 0.1) load.setTimeout("1h");
        return Math.random() < 0.05 ? undefined : version;
      },
      { timeout: "10m", tags: [tagOf(key)], hardTimeout: "2s", early: Math.random() < 0.2 },
    );
    check("getOrSet", key, value, floor);
  }

  async function readMany(): Promise<void> {
    const keys = [...new Set(Array.from({ length: 4 }, () => pick(KEYS)))];
    const floors = await floorsOf(keys);
    const load = async (missing: readonly string[]) =>
      new Map(await Promise.all(missing.map(async (key) => [key, await versionOf(key)] as const)));
    const values = await cache.getOrSetMany(keys, load, { timeout: "10m", tags: [...TAGS] });
    for (const [index, key] of keys.entries()) check("getOrSetMany", key, values.get(key), floors[index]);
  }

  async function get(): Promise<void> {
    const key = pick(KEYS);
    const [floor] = await floorsOf([key]);
    check("get", key, await cache.get(key), floor);
  }

  /** Makes something newer, and deletes what is cached of it. */
  async function change(keys: readonly string[], deleteAll: () => Promise<unknown>): Promise<void> {
    const versions = await Promise.all(keys.map((key) => source.incr(truthOf(key))));
    await deleteAll();
    await Promise.all(
      keys.map((key, index) =>
        source.eval(RAISE, { keys: [floorOf(key)], arguments: [String(versions[index])] }),
      ),
    );
  }

  const OPERATIONS: readonly (readonly [name: string, weight: number, run: () => Promise<unknown>])[] = [
    ["getOrSet", 10, read],
    ["getOrSetMany", 3, readMany],
    ["get", 4, get],
    ["delete", 3, () => remove(pick(KEYS))],
    ["take", 2, take],
    ["touch", 2, () => cache.touch(pick(KEYS), Math.random() < 0.5 ? "20m" : null)],
    ["invalidateTags", 1, () => invalidate(pick(TAGS))],
    ["ttl", 1, () => cache.ttl(pick(KEYS))],
  ];

  /** As a delete; and what it gives is of the time before it. */
  async function take(): Promise<void> {
    const key = pick(KEYS);
    const [floor] = await floorsOf([key]);
    await change([key], async () => check("take", key, await cache.take(key), floor));
  }

  function remove(key: string): Promise<void> {
    return change([key], () => cache.delete(key));
  }

  function invalidate(tag: string): Promise<void> {
    return change(
      KEYS.filter((key) => tagOf(key) === tag),
      () => cache.invalidateTags([tag]),
    );
  }

  const deck = OPERATIONS.flatMap(([name, weight, task]) =>
    Array.from({ length: weight }, () => [name, task] as const),
  );

  async function run(): Promise<void> {
    while (!isStopping) {
      const [name, operation] = pick(deck);
      const [result] = await Promise.allSettled([operation()]);
      const error: unknown = result.status === "rejected" ? result.reason : undefined;
      const ending =
        error === undefined ? name : `${name} ${isSojournError(error) ? error.code : "another error"}`;
      counts[ending] = (counts[ending] ?? 0) + 1;
    }
  }

  process.on("disconnect", () => process.exit(1));
  process.once("message", () => (isStopping = true));
  process.send?.("ready");
  await Promise.all(Array.from({ length: 8 }, run));
  await close();
  await source.close();
  process.send?.({ counts, old } satisfies StressReport);
  process.disconnect();
}
