import { checkOptions, type KnownOptions, knownOptions } from "../core/calls.ts";
import { describeKind } from "../core/descriptions.ts";
import { CacheUsageError } from "../core/errors.ts";

/** Options of a call that was given none: one object, so that the usual call is not checked. */
export const NO_OPTIONS = Object.freeze({});

const READ = ["tags", "version"];
const WRITE = ["timeout", "tags", "version"];
const GRACE = ["stale", "staleIfError", "early", "negativeTimeout", "softTimeout", "hardTimeout", "jitter"];
const LOAD = [...WRITE, ...GRACE];
const WAIT = ["blocking", "blockingTimeout", "sleep", "signal"];

/** The names of what a call takes, and an example of it. */
type CallOptions = readonly [names: readonly string[], example: string];

/** What each call takes. */
const CALLS = {
  get: [["default", ...READ], "{ default: 0 }"],
  getMany: [READ, '{ tags: ["prices"] }'],
  has: [READ, '{ tags: ["prices"] }'],
  hasMany: [READ, '{ tags: ["prices"] }'],
  peek: [["timeout", ...READ], "{ timeout: 60 }"],
  set: [[...WRITE, "nx", "xx"], "{ timeout: 60 }"],
  setMany: [[...WRITE, "nx", "xx"], "{ timeout: 60 }"],
  add: [WRITE, "{ timeout: 60 }"],
  addMany: [WRITE, "{ timeout: 60 }"],
  getOrSet: [LOAD, "{ timeout: 60 }"],
  getOrSetMany: [LOAD, "{ timeout: 60 }"],
  memoize: [["key", ...LOAD], "{ key: (id) => `product:${id}`, timeout: 60 }"],
  lock: [["timeout", "version", ...WAIT], "{ timeout: 10 }"],
  "lock().acquire": [WAIT, "{ blockingTimeout: 5 }"],
  "lock().run": [WAIT, "{ blockingTimeout: 5 }"],
  clear: [["onProgress"], "{ onProgress }"],
  ...takingVersion("delete", "deleteMany", "touch", "touchMany", "expire", "expireAt", "persist", "persistMany"),
  ...takingVersion("ttl", "ttlMany", "pttl", "pttlMany", "incr", "incrMany", "decr", "decrMany"),
  ...takingVersion("incrVersion", "decrVersion", "keys", "iterKeys", "deletePattern", "invalidateTags"),
} as const satisfies Record<string, CallOptions>;

type Call = keyof typeof CALLS;

const KNOWN = Object.fromEntries(
  Object.entries(CALLS).map(([call, [names, example]]) => [
    call,
    knownOptions(`cache.${call}()`, names, example, CacheUsageError),
  ]),
) as Readonly<Record<Call, KnownOptions>>;

function takingVersion<const Name extends string>(...names: readonly Name[]): Record<Name, CallOptions> {
  const options: CallOptions = [["version"], "{ version: 2 }"];
  return Object.fromEntries(names.map((name) => [name, options])) as Record<Name, CallOptions>;
}

/** Checks the options of a call, where it was given any. @throws {CacheUsageError} */
export function checkCallOptions(options: object, call: Call): void {
  if (options !== NO_OPTIONS) checkOptions(options, KNOWN[call]);
}

/** Checks the tags of a call. A text has a length and characters too. @throws {CacheUsageError} */
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
