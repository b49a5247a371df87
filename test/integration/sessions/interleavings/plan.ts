import type { Kind } from "../../../faults/history/history.ts";
import { Random } from "../../../support/random.ts";

export const PROCESSES = 2;
/** Actors of each process. */
export const ACTORS = 2;
/** Steps of each actor. */
export const STEPS = 6;
/** Sessions that all actors of a run share. */
export const VISITORS = 2;

/** How often each kind comes, among 100. */
const WEIGHTS: Readonly<Record<Exclude<Kind, "create" | "getUser">, number>> = {
  read: 13,
  set: 15,
  append: 13,
  update: 15,
  cycleKey: 9,
  login: 9,
  logout: 2,
  revoke: 2,
  revokeUser: 2,
  expire: 3,
  renew: 6,
  sweep: 5,
  evict: 6,
};

/** The next step of an actor. Times are in milliseconds. */
export interface Step {
  readonly kind: Exclude<Kind, "create" | "getUser">;
  readonly visitor: number;
  /** Before the step. */
  readonly rest: number;
  /** Between the opening of the session and what is done to it. */
  readonly hesitation: number;
  /** How many cookies ago the cookie is that it uses: 0 is the newest one. */
  readonly cookieAge: number;
}

/**
 * Plan of one run: process -> actor -> steps. The same seed makes the same plan; only who is first is
 * open.
 */
export type Plan = readonly (readonly (readonly Step[])[])[];

export interface Abilities {
  /** Whether the engine has an index of users. */
  readonly hasUsers: boolean;
  /** Whether there are copies to drop. */
  readonly hasCopies: boolean;
  /**
   * Whether the store ends records up to a second early: an end within milliseconds then comes in the
   * middle of anything, which the model does not know.
   */
  readonly endsEarly?: boolean | undefined;
}

export function makePlan(seed: number, { hasUsers, hasCopies, endsEarly = false }: Abilities): Plan {
  const random = new Random(seed);
  const weights = {
    ...WEIGHTS,
    ...(!hasUsers && { revoke: 0, revokeUser: 0, logout: WEIGHTS.logout + 2 }),
    ...(!hasCopies && { evict: 0 }),
    ...(endsEarly && { expire: 0 }),
  };
  const steps = () => Array.from({ length: STEPS }, () => makeStep(random, weights));
  return Array.from({ length: PROCESSES }, () => Array.from({ length: ACTORS }, steps));
}

/** The user whom a visitor of a run logs in as: in every other run both are the same. */
export function userOf(seed: number, visitor: number): string {
  return `user-${seed}-${seed % 2 === 0 ? 0 : visitor}`;
}

function makeStep(random: Random, weights: typeof WEIGHTS): Step {
  return {
    kind: random.weighted(weights),
    visitor: random.integer(0, VISITORS - 1),
    rest: random.next() < 0.7 ? 0 : random.integer(1, 4),
    hesitation: random.next() < 0.6 ? 0 : random.integer(1, 5),
    cookieAge: random.next() < 0.85 ? 0 : random.integer(1, 3),
  };
}
