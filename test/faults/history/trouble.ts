import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../../support/random.ts";
import type { TcpProxy } from "../tcp-proxy.ts";
import { DEADLINE } from "./worker-messages.ts";

/** A fault of the network. Changes it back before it returns. */
type Strike = (proxy: TcpProxy, random: Random) => Promise<void>;

// Latencies up to more than the deadline, so that commands arrive after their callers have been told that
// they failed.
const LATENCIES = [5, 30, DEADLINE / 2, DEADLINE * 1.5];

/** The faults that histories are recorded under, by name. */
export const STRIKES = {
  none: () => pause(100),
  latency: async (proxy, random) => {
    proxy.conditions.latency = random.pick(LATENCIES);
    await pause(random.integer(100, 600));
    proxy.conditions.latency = 0;
  },
  "black hole": async (proxy, random) => {
    proxy.conditions.blackHole = true;
    await pause(random.integer(100, 600));
    proxy.conditions.blackHole = false;
  },
  "half-open connection": async (proxy) => void proxy.halfOpen(),
  "reset in mid-reply": (proxy, random) => cut(proxy, random, "reset"),
  "truncated reply": (proxy, random) => cut(proxy, random, "truncate"),
} as const satisfies Record<string, Strike>;

export type Fault = keyof typeof STRIKES;

/** One time in three nobody can connect for a while afterwards, as when a server goes down. */
async function cut(proxy: TcpProxy, random: Random, how: "reset" | "truncate"): Promise<void> {
  proxy.cutNextReply(how);
  if (random.next() > 1 / 3) return;
  proxy.refuse();
  await pause(random.integer(20, 150));
  await proxy.admit();
}

/** Strikes again and again, with rests, until it is over. @returns How often. */
export async function makeTrouble(
  fault: Fault,
  proxy: TcpProxy,
  random: Random,
  isOver: () => boolean,
): Promise<number> {
  let strikes = 0;
  while (!isOver()) {
    await pause(random.integer(50, 300));
    await STRIKES[fault](proxy, random);
    strikes++;
  }
  await proxy.heal();
  return strikes;
}
