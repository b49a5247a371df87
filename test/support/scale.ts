/** Whether this is the long version of the tests (`npm run soak`). */
export const isSoak: boolean = process.env["SOJOURN_SOAK"] === "1";

/**
 * Seed of every randomised test, so that a failure can be repeated. `SOJOURN_SEED` sets another one.
 */
export const seed: number = Number(process.env["SOJOURN_SEED"] ?? 19_891_109);

/** How many times to repeat something: the first number in the gate, the second in a soak. */
export function scaled(gateCount: number, soakCount: number): number {
  return isSoak ? soakCount : gateCount;
}
