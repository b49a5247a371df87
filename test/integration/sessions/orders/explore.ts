import type { Random } from "../../../support/random.ts";
import type { WaitingCall } from "./gate.ts";

/** The next possible steps: actor -> its next call. */
export type Choices = ReadonlyMap<number, WaitingCall>;

/**
 * Decides who is next.
 *
 * @returns `undefined` when what is left of this order would come to the same as an order that was played
 *   already.
 */
export type Choose = (choices: Choices) => number | undefined;

/** Plays a scenario from its beginning, in the order that it is told. */
export type Play = (choose: Choose) => Promise<void>;

interface Decision {
  readonly choices: Choices;
  /** Actors that need not be next: they were, or it would come to the same. */
  readonly excluded: Set<number>;
  /** The actor that was let through before. */
  readonly before: number | undefined;
  /** How often an actor was interrupted before. */
  readonly switches: number;
  chosen: number;
}

/** How far {@link explore} goes. */
export interface Bounds {
  /** Most times that an actor is interrupted in the middle. @defaultValue any number */
  readonly switches?: number;
  /** Most orders to play. */
  readonly orders: number;
}

/**
 * Plays a scenario in every order of its actors' calls, depth first.
 *
 * Without a bound of switches, orders that differ only in calls on different objects are played once (sleep
 * sets: Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996). With one, all
 * orders with at most so many switches are (Musuvathi and Qadeer, "Iterative context bounding", 2007).
 *
 * @returns How many orders were played, and whether these were all.
 */
export async function explore(
  play: Play,
  { switches, orders }: Bounds,
): Promise<{ played: number; isComplete: boolean }> {
  const decisions: Decision[] = [];
  let played = 0;
  do {
    let depth = 0;
    await play((choices) => {
      const known = decisions[depth++];
      const decision = known ?? decide(choices, decisions.at(-1), switches);
      if (known === undefined && decision) decisions.push(decision);
      return decision?.chosen;
    });
    played++;
    if (!backtrack(decisions, switches)) return { played, isComplete: true };
  } while (played < orders);
  return { played, isComplete: false };
}

/** Plays a scenario in random orders. Mostly an actor goes on, since races are found by few switches. */
export async function wander(play: Play, random: Random, orders: number): Promise<void> {
  for (let played = 0; played < orders; played++) {
    const stickiness = random.next();
    let last: number | undefined;
    await play((choices) => {
      const isStaying = last !== undefined && choices.has(last) && random.next() < stickiness;
      last = isStaying ? last : random.pick([...choices.keys()]);
      return last;
    });
  }
}

function decide(
  choices: Choices,
  previous: Decision | undefined,
  limit: number | undefined,
): Decision | undefined {
  const before = previous?.chosen;
  const switches = previous === undefined ? 0 : previous.switches + cost(previous, previous.chosen);
  const excluded =
    previous === undefined || limit !== undefined ? new Set<number>() : stillExcluded(previous);
  const decision: Decision = { choices, excluded, before, switches, chosen: -1 };
  const chosen = nextOf(decision, limit);
  return chosen === undefined ? undefined : Object.assign(decision, { chosen });
}

/**
 * Returns the actors that were excluded before and whose call does not depend on the chosen one.
 */
function stillExcluded({ choices, excluded, chosen }: Decision): Set<number> {
  const passed = choices.get(chosen);
  const isSame = (actor: number) => {
    const call = choices.get(actor);
    return call !== undefined && passed !== undefined && isIndependent(call, passed);
  };
  return new Set([...excluded].filter((actor) => actor !== chosen && isSame(actor)));
}

function isIndependent(left: WaitingCall, right: WaitingCall): boolean {
  return left.object !== right.object || (left.isRead && right.isRead);
}

/** Leaving an actor that could go on is a switch; the end of one is not. */
function cost({ before, choices }: Decision, chosen: number): number {
  return before !== undefined && chosen !== before && choices.has(before) ? 1 : 0;
}

function nextOf(decision: Decision, limit = Number.POSITIVE_INFINITY): number | undefined {
  const { choices, before, excluded, switches } = decision;
  const isOpen = (actor: number) => !excluded.has(actor) && switches + cost(decision, actor) <= limit;
  if (before !== undefined && choices.has(before) && isOpen(before)) return before;
  return [...choices.keys()].find(isOpen);
}

/** Goes back to the last decision that has another way left. @returns Whether there is one. */
function backtrack(decisions: Decision[], limit: number | undefined): boolean {
  for (;;) {
    const last = decisions.at(-1);
    if (last === undefined) return false;
    last.excluded.add(last.chosen);
    const chosen = nextOf(last, limit);
    if (chosen !== undefined) {
      last.chosen = chosen;
      return true;
    }
    decisions.pop();
  }
}
