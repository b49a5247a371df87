import type { ServerResponse } from "node:http";
import { types } from "node:util";

/** A call of a method of a response that has to wait. */
export interface HeldCall {
  readonly name: "write" | "end" | "flushHeaders";
  readonly args: readonly unknown[];
}

type Callback = (error?: unknown) => void;

/** The calls that wait for a commit, in order. */
export class HeldCalls {
  readonly #calls: HeldCall[] = [];
  #bytes = 0;
  #hasEnd = false;
  #owesDrain = false;

  /** Whether `end` has been called: who wrote the response is done with it. */
  get hasEnd(): boolean {
    return this.#hasEnd;
  }

  /** Whether a writer was told to wait for `drain`. */
  get owesDrain(): boolean {
    return this.#owesDrain;
  }

  /**
   * @param limit Bytes that may wait before the writer is asked to pause.
   * @returns Whether the writer may go on, as of `stream.write`.
   */
  write(args: readonly unknown[], limit: number): boolean {
    this.#calls.push({ name: "write", args });
    this.#bytes += byteLength(args[0], args[1]);
    const isFull = this.#bytes >= limit;
    this.#owesDrain ||= isFull;
    return !isFull;
  }

  end(args: readonly unknown[]): void {
    // Who asks `finished` whether the response has been ended is told no while it is held, and may end it once more.
    const isRepeated = this.#hasEnd && typeof args[0] !== "function";
    this.#calls.push({ name: "end", args: isRepeated ? [undefined, ...args.slice(1)] : args });
    this.#hasEnd = true;
  }

  flushHeaders(): void {
    this.#calls.push({ name: "flushHeaders", args: [] });
  }

  takeNext(): HeldCall | undefined {
    return this.#calls.shift();
  }

  putBack(call: HeldCall): void {
    this.#calls.unshift(call);
  }

  /** Forgets the calls; their callbacks are told why. */
  drop(error: unknown): void {
    for (const { args } of this.#calls.splice(0)) tellCallback(args, error);
  }
}

/**
 * Whether Node refuses a chunk with a `TypeError`.
 *
 * @param isRequired As for `write`; `end` may come without one.
 */
export function isRefusedChunk(chunk: unknown, isRequired: boolean): boolean {
  if (typeof chunk === "string" || types.isUint8Array(chunk)) return false;
  return isRequired || (Boolean(chunk) && typeof chunk !== "function");
}

/** Calls the callback of a `write` or `end`, if it has one, on the next tick as Node does. */
export function tellCallback(args: readonly unknown[], error: unknown): void {
  const callback = args.find((arg) => typeof arg === "function") as Callback | undefined;
  if (callback) process.nextTick(callback, error);
}

/** For a call to a response whose client has left: Node itself calls some callbacks then, and forgets others. */
export function withoutCallback({ args }: HeldCall): readonly unknown[] {
  return args.filter((arg) => typeof arg !== "function");
}

/** What Node tells the callbacks of writes to a response that is gone. */
export function goneError(response: ServerResponse): Error {
  const cause = response.errored ?? undefined;
  return Object.assign(new Error("The client left before the response was sent.", { cause }), {
    code: "ERR_STREAM_DESTROYED",
  });
}

function byteLength(chunk: unknown, encoding: unknown): number {
  if (typeof chunk !== "string") return (chunk as Uint8Array).length;
  return Buffer.byteLength(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : undefined);
}
