/**
 * Turns of the microtask queue to wait for bytes that are there already. Those of a text come within
 * 3 (Node.js 20, Bun 1.4 and Deno 2.9).
 */
const TURNS = 8;

type Chunk = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/** Listener of the end of a body. */
export interface BodyListener {
  /** Called before the end is passed on, which waits for it. A rejection is an error of the body. */
  onEnd(): Promise<void>;
  /** Called when the client has left, and the source has been told so. */
  onCancel(): Promise<void>;
  /** Called when the source has failed, so that the body is incomplete. */
  onFailure(): void;
}

/** The body of a response that is about to be sent. */
export class WatchedBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Reads that have begun, and whose chunks are not passed on yet. */
  readonly #reads: Promise<Chunk>[] = [];

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /**
   * Returns the whole body if it is complete, as that of a text or JSON is; `undefined` for a stream
   * that goes on, of which at most two chunks are read ahead. A body without code behind it need not
   * be watched, and keeps its length.
   */
  async readIfComplete(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const first = await this.#readAhead();
    if (first === undefined) return undefined;
    if (first.done) return new Uint8Array();
    const second = await this.#readAhead();
    return second?.done === true ? (first.value as Uint8Array<ArrayBuffer>) : undefined;
  }

  /**
   * Returns a body that passes this one on, and lets a listener work before the end. It reads a
   * chunk when one is asked for, so that the client's pace reaches the source.
   */
  watch(listener: BodyListener): ReadableStream<Uint8Array> {
    return new ReadableStream(
      {
        pull: async (controller) => {
          const { done, value } = await this.#readOrFail(listener);
          if (!done) {
            controller.enqueue(value);
            return;
          }
          await listener.onEnd();
          controller.close();
        },
        cancel: async (reason) => {
          try {
            await this.cancel(reason);
          } finally {
            await listener.onCancel();
          }
        },
      },
      { highWaterMark: 0 },
    );
  }

  cancel(reason?: unknown): Promise<void> {
    return this.#reader.cancel(reason);
  }

  /** Begins a read. @returns The chunk if it is there already. */
  async #readAhead(): Promise<Chunk | undefined> {
    let chunk: Chunk | undefined;
    const read = this.#reader.read();
    this.#reads.push(read);
    read.then(
      (result) => (chunk = result),
      // Reported to the reader of the body.
      () => {},
    );
    for (let turn = 0; turn < TURNS && chunk === undefined; turn++) await Promise.resolve();
    return chunk;
  }

  async #readOrFail(listener: BodyListener): Promise<Chunk> {
    try {
      return await (this.#reads.shift() ?? this.#reader.read());
    } catch (error) {
      listener.onFailure();
      throw error;
    }
  }
}
