import type { Milliseconds } from "../../core/clock.ts";

/** Time that a mover has to move a session. */
export const LEASE_TTL: Milliseconds = 5000;
