import type { Milliseconds } from "../../core/clock.ts";

/** How long a mover has to move a session. */
export const LEASE_TTL: Milliseconds = 5000;
