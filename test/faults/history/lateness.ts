import type { Call, Pause } from "./history.ts";

/**
 * How long after its deadline a call has ended, in milliseconds; negative: before it.
 *
 * A process that got no CPU, or collected garbage, cannot end a call. Such pauses are no fault of the
 * library, so what of them lies behind the deadline is taken off. Those before it are not: a deadline does
 * not move.
 *
 * @param pauses Of the process of the call.
 */
export function lateness(
  { start, end }: Pick<Call, "start" | "end">,
  deadline: number,
  pauses: readonly Pause[],
): number {
  const due = start + deadline;
  const paused = pauses.reduce(
    (sum, { from, to }) => sum + Math.max(0, Math.min(to, end) - Math.max(from, due)),
    0,
  );
  return end - due - paused;
}
