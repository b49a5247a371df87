// A client beside a sweep, in a process of its own: forked with <engine> <address as JSON> <how many of each
// kind> <seed>. It says "ready" when it has begun, and what it has done and seen when it is told to stop.
import { Deadline } from "../../../src/core/deadlines.ts";
import { Random } from "../../support/random.ts";
import { type Kind, POPULATIONS, type SweptEngine } from "./sweeping-population.ts";
import { openOwnStore, type ServerAddress } from "./sweeping-stores.ts";

/** Actions and observations of a visitor. */
export interface VisitorReport {
  readonly operations: number;
  /** 99 of 100 operations were done so soon, in milliseconds. */
  readonly p99: number;
  /** The longest that one operation took, in milliseconds. */
  readonly longestStall: number;
  /** Differences from what had to be. */
  readonly mistakes: readonly string[];
  /** Numbers and versions of the live sessions that it has changed. */
  readonly changed: readonly (readonly [number, number])[];
  /** Numbers and versions of the expired sessions that it has created again. */
  readonly recreated: readonly (readonly [number, number])[];
}

const HOUR = 3_600_000;
const [engine = "redis", address = "", count = "0", seed = "0"] = process.argv.slice(2);
const { keyOf, versionOf } = POPULATIONS[engine as SweptEngine];
const { store, close } = openOwnStore(engine as SweptEngine, JSON.parse(address) as ServerAddress);
const random = new Random(Number(seed));
const versions = { live: new Map<number, number>(), expired: new Map<number, number>() };
const mistakes: string[] = [];
const later = (): Deadline => new Deadline(60_000);

function expectSame(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected && mistakes.length < 20) mistakes.push(`${what}: ${String(actual)}`);
}

async function read(kind: Kind, number: number): Promise<void> {
  const { record } = versionOf(kind, number, versions[kind].get(number) ?? 0);
  const found = await store.read(keyOf(kind, number), later());
  expectSame(`read ${kind} ${number}`, found, record);
}

async function commit(number: number): Promise<void> {
  const version = versions.live.get(number) ?? 0;
  const { etag } = versionOf("live", number, version);
  const { record } = versionOf("live", number, version + 1);
  const { status } = await store.commit(keyOf("live", number), record, etag, HOUR, later());
  expectSame(`commit ${number}`, status, "committed");
  versions.live.set(number, version + 1);
}

async function touch(number: number): Promise<void> {
  const version = versions.live.get(number) ?? 0;
  const { etag } = versionOf("live", number, version);
  const { status } = await store.touch(keyOf("live", number), etag, HOUR, later());
  expectSame(`touch ${number}`, status, "committed");
  versions.live.set(number, version);
}

/** Whether it has been swept already or not, an expired session makes room for a new one. */
async function recreate(number: number): Promise<void> {
  if (versions.expired.has(number)) return read("expired", number);
  const { record } = versionOf("expired", number, 1);
  const { status } = await store.create(keyOf("expired", number), record, HOUR, later());
  expectSame(`create ${number}`, status, "created");
  versions.expired.set(number, 1);
}

const ACTS = { read: (number: number) => read("live", number), commit, touch, recreate };

let isStopped = false;
process.once("message", () => (isStopped = true));
// A test run that is broken off leaves no process behind.
process.once("disconnect", () => process.exit());
let operations = 0;
const times: number[] = [];
while (!isStopped) {
  const act = random.weighted({ read: 5, commit: 2, touch: 1, recreate: 2 });
  const start = performance.now();
  await ACTS[act](random.integer(0, Number(count) - 1));
  // The first ones open connections.
  if (operations > 50) times.push(performance.now() - start);
  if (++operations === 100) process.send?.("ready");
}

times.sort((left, right) => left - right);
const report: VisitorReport = {
  operations,
  p99: times[Math.floor(times.length * 0.99)] ?? 0,
  longestStall: times.at(-1) ?? 0,
  mistakes,
  changed: [...versions.live],
  recreated: [...versions.expired],
};
await close();
process.send?.(report, () => process.disconnect());
