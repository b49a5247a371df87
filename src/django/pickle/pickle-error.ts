/** Reason for refusing a pickle. */
export type PickleRefusal =
  /** An opcode that names, imports, builds or calls something. */
  | "forbidden-opcode"
  /** Not a pickle of protocol 2 to 5, or a malformed one. */
  | "malformed"
  /** A structure that contains itself. */
  | "cycle"
  /** Larger or deeper than allowed, with shared values counted each time. */
  | "too-large";

/**
 * A refused pickle. The message gives reason and offset; it never shows the contents of the pickle.
 */
export class PickleError extends Error {
  readonly reason: PickleRefusal;
  /** Offset in the pickle, in bytes; `undefined` for an error of the whole. */
  readonly offset: number | undefined;

  constructor(reason: PickleRefusal, message: string, offset?: number) {
    super(offset === undefined ? message : `${message} (at byte ${offset} of the pickle)`);
    this.reason = reason;
    this.offset = offset;
  }
}

Object.defineProperty(PickleError.prototype, "name", {
  value: "PickleError",
  configurable: true,
  writable: true,
});
