/** What a command reads and writes, so that tests can have their own. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A line of the result. */
  out(line: string): void;
  /** A line about what goes wrong, or on. */
  error(line: string): void;
}

/** Wrong arguments, or a file that cannot be read: the message says what to do. */
export class UsageError extends Error {}
