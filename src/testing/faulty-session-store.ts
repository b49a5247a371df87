import type { Milliseconds } from "../core/clock.ts";
import { StoreConnectionError } from "../core/errors.ts";
import { pause } from "../core/timers.ts";
import type { SessionStore } from "../stores/session-store.ts";
import type { SessionTombstones } from "../stores/session-tombstones.ts";

/** Methods that can be made faulty; those of tombstones are `tombstones.read` and so on. */
export type FaultyMethod =
  | Exclude<keyof SessionStore, "name" | "users" | "tombstones" | "comparesWholeRecords" | "watch" | "close">
  | `tombstones.${keyof SessionTombstones}`;

/** Fault of one call. */
export interface Fault {
  /** Waits first, for milliseconds or until a promise resolves, then continues as without it. */
  readonly delay?: Milliseconds | Promise<unknown>;
  /**
   * Fails with a {@link StoreConnectionError}.
   *
   * - `"not-sent"`: it is not executed, and the error says so.
   * - `"unknown-before"`: it is not executed, but the error says that this is unknown.
   * - `"unknown-after"`: it is executed, then the answer is lost: the error says that this is
   *   unknown.
   */
  readonly fail?: "not-sent" | "unknown-before" | "unknown-after";
}

/** One call, as a script sees it. */
export interface StoreCall {
  readonly method: FaultyMethod;
  /** Number of earlier calls of this method. */
  readonly index: number;
}

/** Chooses the fault of each call; `undefined` is none. */
export type FaultScript = (call: StoreCall) => Fault | undefined;

/**
 * Wraps a store so that chosen calls are slow or fail, to test what depends on it.
 *
 * @example
 * ```ts
 * import { memorySessionStore } from "sojourn/stores/memory";
 * import { faultySessionStore } from "sojourn/testing";
 *
 * // The answer of the first commit is lost. Use it as `sessions: { store }`.
 * const store: ReturnType<typeof memorySessionStore> = (context) =>
 *   faultySessionStore(memorySessionStore()(context), ({ method, index }) =>
 *     method === "commit" && index === 0 ? { fail: "unknown-after" } : undefined,
 *   );
 * ```
 */
export function faultySessionStore(store: SessionStore, script: FaultScript): SessionStore {
  const counts = new Map<FaultyMethod, number>();
  const nextFault = (method: FaultyMethod): Fault => {
    const index = counts.get(method) ?? 0;
    counts.set(method, index + 1);
    return script({ method, index }) ?? {};
  };
  const call: Call = (method, execute) => suffer(nextFault(method), method, execute);

  const { tombstones } = store;
  const readWithTtl = store.readWithTtl?.bind(store);
  return {
    name: store.name,
    users: store.users,
    tombstones: tombstones && faultyTombstones(tombstones, call),
    comparesWholeRecords: store.comparesWholeRecords ?? false,
    ...(readWithTtl && { readWithTtl: (...args) => call("readWithTtl", () => readWithTtl(...args)) }),
    read: (...args) => call("read", () => store.read(...args)),
    create: (...args) => call("create", () => store.create(...args)),
    commit: (...args) => call("commit", () => store.commit(...args)),
    touch: (...args) => call("touch", () => store.touch(...args)),
    delete: (...args) => call("delete", () => store.delete(...args)),
    deleteIfMatch: (...args) => call("deleteIfMatch", () => store.deleteIfMatch(...args)),
    ping: (...args) => call("ping", () => store.ping(...args)),
    clearExpired: (...args) => call("clearExpired", () => store.clearExpired(...args)),
    close: () => store.close(),
    async *scan(...args) {
      yield* await call("scan", () => Promise.resolve(store.scan(...args)));
    },
  };
}

/** Executes a method with the fault that the script chooses for it. */
type Call = <Result>(method: FaultyMethod, execute: () => Promise<Result>) => Promise<Result>;

function faultyTombstones(tombstones: SessionTombstones, call: Call): SessionTombstones {
  return {
    read: (...args) => call("tombstones.read", () => tombstones.read(...args)),
    add: (...args) => call("tombstones.add", () => tombstones.add(...args)),
    replace: (...args) => call("tombstones.replace", () => tombstones.replace(...args)),
    delete: (...args) => call("tombstones.delete", () => tombstones.delete(...args)),
  };
}

async function suffer<Result>(
  fault: Fault,
  method: FaultyMethod,
  execute: () => Promise<Result>,
): Promise<Result> {
  await (typeof fault.delay === "number" ? pause(fault.delay) : fault.delay);
  if (fault.fail === undefined) return execute();
  if (fault.fail === "unknown-after") await execute();
  const outcome = fault.fail === "not-sent" ? "not-sent" : "unknown";
  throw new StoreConnectionError(`${method} failed, as the test asked (${fault.fail}).`, { outcome });
}
