/** Why a pickle was refused. */
export type PickleRefusal =
  /** An opcode that names, imports, builds or calls something. */
  | "forbidden-opcode"
  /** No pickle of protocol 2 to 5, or a broken one. */
  | "malformed"
  /** A structure that contains itself. */
  | "cycle"
  /** Larger or deeper than is allowed, also when what is shared is counted each time. */
  | "too-large";

/** A pickle was refused. The message tells what and where; it never shows what the pickle holds. */
export class PickleError extends Error {
  readonly reason: PickleRefusal;
  /** Where in the pickle, in bytes; `undefined` where it is about the whole. */
  readonly offset: number | undefined;

  constructor(reason: PickleRefusal, message: string, offset?: number) {
    super(offset === undefined ? message : `${message} (at byte ${offset} of the pickle)`);
    this.reason = reason;
    this.offset = offset;
  }
}

Object.defineProperty(PickleError.prototype, "name", { value: "PickleError", configurable: true, writable: true });
