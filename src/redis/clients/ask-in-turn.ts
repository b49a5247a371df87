import { setTimeout as sleep } from "node:timers/promises";

import type { Milliseconds } from "../../core/clock.ts";

/** Delay after which the next server is asked: the one before may be frozen. */
const GAP: Milliseconds = 50;

/**
 * Asks the servers one after the other, each a moment after the one before, and returns the first
 * answer.
 *
 * @throws {AggregateError} With the error of each, when all have failed.
 */
export async function askInTurn<Server, Answer>(
  servers: readonly Server[],
  ask: (server: Server) => Promise<Answer>,
): Promise<Answer> {
  let isAnswered = false;
  const questions = servers.map(async (server, index) => {
    // The deadline of the waiting caller keeps the process alive.
    if (index > 0) await sleep(index * GAP, undefined, { ref: false });
    if (isAnswered) throw new Error("another server has answered");
    const answer = await ask(server);
    isAnswered = true;
    return answer;
  });
  return Promise.any(questions);
}

export function shuffle<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .toSorted((left, right) => left.order - right.order)
    .map(({ item }) => item);
}
