/** Input and output of a command, which tests replace. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes a line of the result. */
  out(line: string): void;
  /** Writes a line of progress or of an error. */
  error(line: string): void;
}

/** Wrong arguments, or an unreadable file. The message says what to do. */
export class UsageError extends Error {}
