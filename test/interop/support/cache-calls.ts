import type { Cache, Timeout } from "sojourn";
import type { Random } from "../../support/random.ts";

/** A call that Node's caches and Django's have, by Node's name. */
export interface CacheCall {
  readonly name:
    | "get"
    | "getMany"
    | "set"
    | "setMany"
    | "add"
    | "getOrSet"
    | "touch"
    | "has"
    | "delete"
    | "deleteMany"
    | "take"
    | "incr"
    | "decr"
    | "incrVersion"
    | "decrVersion";
  readonly keys: readonly string[];
  readonly value: unknown;
  /** `undefined`: that of the settings. */
  readonly timeout: Exclude<Timeout, string> | undefined;
  readonly delta: number;
  readonly version: 1 | 2;
}

/** A call of a method of Django's cache. */
export interface DjangoCall {
  readonly operation: string;
  readonly arguments: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** The answer of both sides to a call that finds nothing. */
const GONE = "gone";
const DONE = "done";

// Keys with which Django's caches do the same: they add to floats, and django-redis takes a stored
// None for none when it moves an entry.
const ANY = ["a", "b", "c"];
const COUNTERS = ["n", "m"];
const MOVED = ["v", "w"];
/** All keys that calls have. */
export const KEYS: readonly string[] = [...ANY, ...COUNTERS, ...MOVED];

const VALUES: readonly unknown[] = [
  0,
  -3,
  7,
  true,
  false,
  "",
  "1",
  "é😀",
  1.5,
  [],
  [1, null],
  { a: { b: "é" } },
  {},
];
const TIMEOUTS = [undefined, undefined, null, 60, 3600, 0, -1] as const;

const WEIGHTS: Readonly<Record<CacheCall["name"], number>> = {
  get: 2,
  getMany: 1,
  set: 6,
  setMany: 2,
  add: 3,
  getOrSet: 3,
  touch: 5,
  has: 2,
  delete: 2,
  deleteMany: 1,
  take: 2,
  incr: 3,
  decr: 2,
  incrVersion: 2,
  decrVersion: 2,
};

/** Small numbers of keys, values and timeouts: the calls have to meet. */
export function randomCall(random: Random): CacheCall {
  const name = random.weighted(WEIGHTS);
  const version = random.pick([1, 1, 2] as const);
  const key = random.pick(
    name.endsWith("Version") ? MOVED : name === "incr" || name === "decr" ? COUNTERS : KEYS,
  );
  const others = name.endsWith("Many") ? KEYS.filter((each) => each !== key && random.next() < 0.3) : [];
  const keys = [key, ...others];
  const isCounted = keys.some((each) => COUNTERS.includes(each));
  const isAny = name === "set" && ANY.includes(key);
  const value = isCounted ? random.integer(-5, 5) : random.pick(isAny ? [...VALUES, null] : VALUES);
  const delta = random.integer(-3, 3);
  return { name, keys, value, timeout: random.pick(TIMEOUTS), delta, version };
}

/** Makes a call at Node, and answers in words that both sides have. */
export async function callNode(cache: Cache, { name, keys, value, timeout, delta, version }: CacheCall) {
  const [key = ""] = keys;
  const timed = { version, ...(timeout !== undefined && { timeout }) };
  switch (name) {
    case "get":
    case "take":
      return cache[name](key, { default: GONE, version });
    case "getMany":
      return Object.fromEntries(await cache.getMany(keys, { version }));
    case "set":
      return (await cache.set(key, value, timed), DONE);
    case "setMany":
      return (await cache.setMany(new Map(keys.map((each) => [each, value])), timed), DONE);
    case "add":
    case "getOrSet":
      return cache[name](key, value, timed);
    case "touch":
      return cache.touch(key, timeout, { version });
    case "has":
    case "delete":
      return cache[name](key, { version });
    case "deleteMany":
      return (await cache.deleteMany(keys, { version }), DONE);
    default:
      return cache[name](key, name.endsWith("Version") ? 1 : delta, { version });
  }
}

/** The calls of Django's that come to the same. */
export function toDjango({ name, keys, value, timeout, delta, version }: CacheCall): DjangoCall[] {
  const [key = ""] = keys;
  const call = (operation: string, args: readonly unknown[], options: object = {}): DjangoCall => ({
    operation,
    arguments: args,
    options: { version, ...options },
  });
  const timed = timeout === undefined ? {} : { timeout };
  switch (name) {
    case "get":
      return [call("get", [key, GONE])];
    case "take":
      return [call("get", [key, GONE]), call("delete", [key])];
    case "getMany":
      return [call("get_many", [keys])];
    case "set":
    case "add":
      return [call(name, [key, value], timed)];
    case "getOrSet":
      return [call("get_or_set", [key, value], timed)];
    case "setMany":
      return [call("set_many", [Object.fromEntries(keys.map((each) => [each, value]))], timed)];
    case "touch":
      return [call("touch", [key], timed)];
    case "has":
      return [call("has_key", [key])];
    case "delete":
      // LocMemCache says of an entry that has ended that there was one.
      return [call("has_key", [key]), call("delete", [key])];
    case "deleteMany":
      return [call("delete_many", [keys])];
    case "incr":
    case "decr":
      return [call(name, [key, delta])];
    default:
      return [call(name === "incrVersion" ? "incr_version" : "decr_version", [key, 1])];
  }
}

/** Django's answer to the first of {@link toDjango}'s calls, in words that both sides have. */
export function fromDjango({ name }: CacheCall, answer: unknown): unknown {
  return ["set", "setMany", "deleteMany"].includes(name) ? DONE : answer;
}
