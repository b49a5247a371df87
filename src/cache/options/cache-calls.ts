import { checkOptions, type KnownOptions, knownOptions } from "../../core/calls.ts";
import { describeKind } from "../../core/descriptions.ts";
import { CacheUsageError } from "../../core/errors.ts";

/** Options of a call without any: one object, so that the usual call is not checked. */
export const NO_OPTIONS: object = Object.freeze({});

const READ = ["tags", "version"];
const WRITE = ["timeout", "tags", "version"];
const GRACE = ["stale", "staleIfError", "early", "negativeTimeout", "softTimeout", "hardTimeout", "jitter"];
const LOAD = [...WRITE, ...GRACE];
const COUNT = ["initial", "timeout", "version"];
const WAIT = ["blocking", "blockingTimeout", "sleep", "signal"];

/** Names of a call's options, and an example of them. */
type CallOptions = readonly [names: readonly string[], example: string];

/** Calls whose only option is a version. */
const VERSIONED = [
  "delete",
  "deleteMany",
  "touch",
  "touchMany",
  "expire",
  "expireAt",
  "persist",
  "persistMany",
  "ttl",
  "ttlMany",
  "pttl",
  "pttlMany",
  "incrVersion",
  "decrVersion",
  "keys",
  "iterKeys",
  "deletePattern",
  "invalidateTags",
] as const;

/** Calls with more options. */
const OTHERS = [
  "get",
  "getMany",
  "take",
  "takeMany",
  "has",
  "hasMany",
  "peek",
  "set",
  "setMany",
  "add",
  "addMany",
  "incr",
  "incrMany",
  "decr",
  "decrMany",
  "getOrSet",
  "getOrSetMany",
  "memoize",
  "lock",
  "lock().acquire",
  "lock().run",
  "clear",
] as const;

/** Options of each of these. */
const CALLS: Readonly<Record<(typeof OTHERS)[number], CallOptions>> = {
  get: [["default", ...READ], "{ default: 0 }"],
  getMany: [READ, '{ tags: ["prices"] }'],
  take: [["default", ...READ], "{ default: 0 }"],
  takeMany: [READ, '{ tags: ["prices"] }'],
  has: [READ, '{ tags: ["prices"] }'],
  hasMany: [READ, '{ tags: ["prices"] }'],
  peek: [["timeout", ...READ], "{ timeout: 60 }"],
  set: [[...WRITE, "nx", "xx"], "{ timeout: 60 }"],
  setMany: [[...WRITE, "nx", "xx"], "{ timeout: 60 }"],
  add: [WRITE, "{ timeout: 60 }"],
  addMany: [WRITE, "{ timeout: 60 }"],
  incr: [COUNT, "{ initial: 0, timeout: 60 }"],
  incrMany: [COUNT, "{ initial: 0, timeout: 60 }"],
  decr: [COUNT, "{ initial: 0, timeout: 60 }"],
  decrMany: [COUNT, "{ initial: 0, timeout: 60 }"],
  getOrSet: [[...LOAD, "signal"], "{ timeout: 60 }"],
  getOrSetMany: [[...LOAD, "signal"], "{ timeout: 60 }"],
  memoize: [["key", ...LOAD], "{ key: (id) => `product:${id}`, timeout: 60 }"],
  lock: [["timeout", "version", ...WAIT], "{ timeout: 10 }"],
  "lock().acquire": [WAIT, "{ blockingTimeout: 5 }"],
  "lock().run": [WAIT, "{ blockingTimeout: 5 }"],
  clear: [["onProgress"], "{ onProgress }"],
};

/** A call with options. */
type CacheCall = (typeof VERSIONED)[number] | (typeof OTHERS)[number];

const KNOWN = Object.fromEntries([
  ...VERSIONED.map((call) => [call, known(call, ["version"], "{ version: 2 }")] as const),
  ...OTHERS.map((call) => [call, known(call, ...CALLS[call])] as const),
]) as Readonly<Record<CacheCall, KnownOptions>>;

function known(call: string, names: readonly string[], example: string): KnownOptions {
  return knownOptions(`cache.${call}()`, names, example, CacheUsageError);
}

/** Checks the options of a call, if there are any. @throws {CacheUsageError} */
export function checkCallOptions(options: object, call: CacheCall): void {
  if (options !== NO_OPTIONS) checkOptions(options, KNOWN[call]);
}

/** Checks the tags of a call. A string has a length and elements too. @throws {CacheUsageError} */
export function checkTags(tags: readonly string[]): readonly string[] {
  if (Array.isArray(tags)) return tags as readonly string[];
  const advice = typeof tags === "string" ? " Write one tag as [tag]." : "";
  throw new CacheUsageError(`"tags" has to be an array of texts, got ${describeKind(tags)}.${advice}`);
}

/** @throws {CacheUsageError} */
export function checkFlag(value: unknown, name: string): boolean {
  if (value === undefined || typeof value === "boolean") return value === true;
  throw new CacheUsageError(`"${name}" has to be true or false, got ${describeKind(value)}.`);
}
