/** What the twenty requests of a round write into one session. */
export interface Board {
  /** One note a request, by its number: each request writes another part. */
  notes: Record<string, string>;
  /** Every request adds one: all write the same part. */
  count: number;
}

export const SLOTS = 20;

export function emptyBoard(): Board {
  return { notes: {}, count: 0 };
}

/**
 * The way of a request that takes its time between reading its session and writing it, as those with a
 * database do.
 */
export function think(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 40));
}
