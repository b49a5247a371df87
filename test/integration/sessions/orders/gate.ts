import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";

/** A call of a store that waits until it is let through. */
export interface WaitingCall {
  /** Such as `tombstones.add`. */
  readonly method: string;
  /**
   * The object of the call: a key, a name of a tombstone, a user. Calls on different objects come
   * to the same in either order.
   */
  readonly object: string;
  readonly isRead: boolean;
  readonly pass: () => void;
}

const READS = new Set(["read", "readWithTtl", "users.check", "users.list", "tombstones.read"]);
const ROOMS = new Set(["users", "tombstones"]);

/**
 * Holds every call that an actor makes of a store, so that a test decides which one is next. Other calls
 * pass.
 */
export class Gate {
  readonly #actor = new AsyncLocalStorage<number>();
  readonly #waiting = new Map<number, WaitingCall[]>();

  /** Runs an actor. Whatever it calls, however indirectly, waits at the gate. */
  run<Result>(actor: number, act: () => Promise<Result>): Promise<Result> {
    this.#waiting.set(actor, []);
    return this.#actor.run(actor, act);
  }

  /** Runs something as nobody, whose calls pass. */
  exempt<Result>(act: () => Promise<Result>): Promise<Result> {
    return this.#actor.exit(act);
  }

  /** The next call of each actor that waits, once everybody waits or has ended. */
  async settle(): Promise<ReadonlyMap<number, WaitingCall>> {
    await nextTurn();
    const next = new Map<number, WaitingCall>();
    for (const [actor, [call]] of this.#waiting) if (call) next.set(actor, call);
    return next;
  }

  /**
   * Lets an actor's next call through. Its answer comes, and the actor goes on, before {@link settle}
   * resolves.
   */
  pass(actor: number): void {
    this.#waiting.get(actor)?.shift()?.pass();
  }

  /** Puts the gate before a store, or a part of one. */
  guard<Target extends object>(target: Target, room = ""): Target {
    return new Proxy(target, {
      get: (inner, name) => {
        const value: unknown = Reflect.get(inner, name, inner);
        if (typeof name === "string" && ROOMS.has(name) && typeof value === "object" && value !== null)
          return this.guard(value, `${name}.`);
        if (typeof value !== "function" || name === "scan" || name === "close") return value;
        return (...args: unknown[]) =>
          this.#hold(`${room}${String(name)}`, args, () => Reflect.apply(value, inner, args));
      },
    });
  }

  #hold(method: string, args: readonly unknown[], execute: () => unknown): unknown {
    const actor = this.#actor.getStore();
    const waiting = actor === undefined ? undefined : this.#waiting.get(actor);
    if (waiting === undefined) return execute();
    const room = method.includes(".") ? method.slice(0, method.indexOf(".")) : "records";
    return new Promise((resolve, reject) => {
      const pass = () => void Promise.resolve(execute()).then(resolve, reject);
      waiting.push({ method, object: `${room} ${String(args[0])}`, isRead: READS.has(method), pass });
    });
  }
}
