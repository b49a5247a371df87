import type { ServerResponse } from "node:http";
import { PassThrough } from "node:stream";

/** A call of a response's method that has to wait. */
export class HeldCall {
  readonly name: "write" | "end" | "flushHeaders";
  readonly args: readonly unknown[];

  constructor(name: HeldCall["name"], args: readonly unknown[]) {
    this.name = name;
    this.args = args;
  }
}

type Callback = (error?: unknown) => void;

/** The calls that wait for a commit, in order. */
export class HeldCalls {
  readonly #calls = Array.of<HeldCall>();
  #bytes = 0;
  #hasEnd = false;
  #owesDrain = false;

  /** Whether `end` has been called: the handler is done with the response. */
  get hasEnd(): boolean {
    return this.#hasEnd;
  }

  /** Whether a writer was told to wait for `drain`. */
  get owesDrain(): boolean {
    return this.#owesDrain;
  }

  /**
   * @param limit Number of waiting bytes from which the writer is asked to pause.
   * @returns Whether the writer may go on, as with `stream.write`.
   */
  write(args: readonly unknown[], limit: number): boolean {
    this.#calls.push(new HeldCall("write", args));
    this.#bytes += byteLength(args[0], args[1]);
    const isFull = this.#bytes >= limit;
    this.#owesDrain ||= isFull;
    return !isFull;
  }

  end(args: readonly unknown[]): void {
    // Node does not send the chunk of a second `end` either: it raises an error that ends most
    // processes.
    const isRepeated = this.#hasEnd && typeof args[0] !== "function";
    this.#calls.push(new HeldCall("end", isRepeated ? [undefined, ...args.slice(1)] : args));
    this.#hasEnd = true;
  }

  flushHeaders(): void {
    this.#calls.push(new HeldCall("flushHeaders", []));
  }

  takeNext(): HeldCall | undefined {
    return this.#calls.shift();
  }

  putBack(call: HeldCall): void {
    this.#calls.unshift(call);
  }

  /** Drops the calls; their callbacks get the error. */
  drop(error: unknown): void {
    for (const { args } of this.#calls.splice(0)) tellCallback(args, error);
  }
}

/**
 * Throws Node's error for a chunk that cannot be written. The response is not asked: HTTP/2 and Bun
 * send the head before they look at the chunk, and Bun accepts `null` as no chunk.
 */
export function refuseChunk(chunk: unknown): unknown {
  return new PassThrough().write(chunk);
}

/** Calls the callback of a `write` or `end`, if there is one, on the next tick as Node does. */
export function tellCallback(args: readonly unknown[], error: unknown): void {
  const callback = args.find((arg) => typeof arg === "function") as Callback | undefined;
  if (callback) process.nextTick(callback, error);
}

/**
 * Arguments without the callback, for a response whose client has left: Node calls some callbacks
 * then, and drops others.
 */
export function withoutCallback({ args }: HeldCall): readonly unknown[] {
  return args.filter((arg) => typeof arg !== "function");
}

/** The error that Node passes to callbacks of writes to a destroyed response. */
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
