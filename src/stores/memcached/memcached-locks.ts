import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { FENCE_AFTERLIFE } from "../cache-store.ts";
import { type MemcachedClient, tokenOf } from "./client/memcached-client.ts";
import { toExpiration } from "./expiration.ts";

/** The state of a lock: its holder, and the last fencing token. */
interface LockState {
  readonly token: string | undefined;
  readonly endsAt: number;
  readonly fence: number;
}

/** First part of the keys of locks, which are no entries: no prefix of a cache begins like it. */
const PREFIX = "\0lock\0";

/** Locks in memcached, each an item that is replaced by the version that was read. */
export class MemcachedLocks {
  readonly #client: MemcachedClient;
  readonly #clock: Clock;

  constructor(client: MemcachedClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @returns The fencing token; `undefined` if another caller has the lock. */
  acquire(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<number | undefined> {
    return this.#change(key, deadline, (state) => {
      const last = state?.fence ?? 0;
      if (this.#isHeld(state)) return { result: undefined };
      // In microseconds, as on Redis; greater than the one before, also if the clock was put back.
      const fence = Math.max(last + 1, Math.floor(this.#clock.now() * 1000));
      return { result: fence, next: { token, endsAt: this.#clock.now() + ttl, fence } };
    });
  }

  extend(key: string, token: string, ttl: Milliseconds, deadline: Deadline): Promise<boolean> {
    return this.#change(key, deadline, (state) =>
      this.#isHeld(state) && state.token === token
        ? { result: true, next: { ...state, endsAt: this.#clock.now() + ttl } }
        : { result: false },
    );
  }

  release(key: string, token: string, deadline: Deadline): Promise<boolean> {
    return this.#change(key, deadline, (state) =>
      this.#isHeld(state) && state.token === token
        ? { result: true, next: { ...state, token: undefined } }
        : { result: false },
    );
  }

  async holder(key: string, deadline: Deadline): Promise<string | undefined> {
    const { value } = await this.#client.ask("mg", PREFIX + key, ["v"], deadline);
    const state = value && readState(value);
    return this.#isHeld(state) ? state.token : undefined;
  }

  #isHeld(state: LockState | undefined): state is LockState {
    return state?.token !== undefined && state.endsAt > this.#clock.now();
  }

  async #change<Result>(
    key: string,
    deadline: Deadline,
    decide: (state: LockState | undefined) => { readonly result: Result; readonly next?: LockState },
  ): Promise<Result> {
    for (;;) {
      const reply = await this.#client.ask("mg", PREFIX + key, ["v", "c"], deadline);
      const { result, next } = decide(reply.value && readState(reply.value));
      if (next === undefined) return result;
      const cas = tokenOf(reply, "c");
      const life = Math.max(0, next.endsAt - this.#clock.now()) + FENCE_AFTERLIFE;
      const flags = [cas === undefined ? "ME" : `C${cas}`, `T${toExpiration(life, this.#clock)}`];
      const value = Buffer.from(JSON.stringify(next));
      if ((await this.#client.ask("ms", PREFIX + key, flags, deadline, value)).code === "HD") return result;
    }
  }
}

function readState(value: Buffer): LockState | undefined {
  try {
    const { token, endsAt, fence } = JSON.parse(value.toString()) as Partial<LockState>;
    return typeof endsAt === "number" && typeof fence === "number" ? { token, endsAt, fence } : undefined;
  } catch {
    return undefined;
  }
}
