import { Deadline } from "../../src/core/deadlines.ts";

/** Returns a deadline that no test reaches. */
export function anyDeadline(): Deadline {
  return new Deadline(60_000);
}
