import type { SessionStoreFactory } from "../../stores/session-store.ts";
import { type FaultyMethod, faultySessionStore } from "../faulty-session-store.ts";

const WRITES: ReadonlySet<FaultyMethod> = new Set<FaultyMethod>([
  "create",
  "commit",
  "touch",
  "delete",
  "deleteIfMatch",
]);

/** A store whose calls a test sees, holds and lets fail. */
export class HeldStore {
  /** The methods that were called. */
  readonly calls: FaultyMethod[] = [];
  #isFailing = false;
  #areReadsFailing = false;
  #gate: Promise<void> | undefined = undefined;
  #open: () => void = () => {};
  #noteWrite: () => void = () => {};

  /** Makes a store as another factory does, under the control of this one. */
  control(make: SessionStoreFactory): SessionStoreFactory {
    return (context) =>
      faultySessionStore(make(context), ({ method }) => {
        this.calls.push(method);
        if (!WRITES.has(method)) return this.#areReadsFailing ? { fail: "not-sent" } : undefined;
        this.#noteWrite();
        return {
          ...(this.#gate && { delay: this.#gate }),
          ...(this.#isFailing && { fail: "not-sent" }),
        };
      });
  }

  /** From here on, writes wait. @returns A promise of the first of them. */
  holdWrites(): Promise<void> {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
    return new Promise((resolve) => {
      this.#noteWrite = resolve;
    });
  }

  /** Lets the held writes go on. */
  release(): void {
    this.#gate = undefined;
    this.#open();
  }

  /** From here on, writes fail without having been sent. */
  failWrites(): void {
    this.#isFailing = true;
  }

  /** From here on, reads fail. */
  failReads(): void {
    this.#areReadsFailing = true;
  }

  /** Ends all failures. */
  repair(): void {
    this.#isFailing = false;
    this.#areReadsFailing = false;
  }

  /** Returns the calls since the last time. */
  takeCalls(): FaultyMethod[] {
    return this.calls.splice(0);
  }
}
