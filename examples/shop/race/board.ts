/** Data that the twenty requests of a round write into one session. */
export interface Board {
  /** One note per request, by its number: each request writes another part. */
  notes: Record<string, string>;
  /** Counter that every request increments: all write the same part. */
  count: number;
}

export const SLOTS = 20;

export function emptyBoard(): Board {
  return { notes: {}, count: 0 };
}

/**
 * Simulates a slow request, which waits between reading and writing its session, for example for a
 * database.
 */
export function think(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 40));
}
