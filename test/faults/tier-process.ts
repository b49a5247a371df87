// A process of its own that reads keys over a level in memory, and writes some of them: see tier-messages.ts.
import { setTimeout as pause } from "node:timers/promises";
import { type CacheStoreFactory, createSojourn } from "sojourn";
import { redisCacheStore } from "sojourn/stores/redis";
import { tieredCacheStore } from "sojourn/stores/tiered";
import type { IoredisLibrary, TestClient } from "../support/ioredis-clients.ts";
import { monotonic, PauseWatch } from "./history/pause-watch.ts";
import { ReadLog } from "./tier-ages.ts";
import { type Ack, type Evidence, KEYS, MAX_STALE, PROCESSES, type TierMessage } from "./tier-messages.ts";

/** Reads between two waits. */
const READS = 100;
/** In milliseconds. */
const [READS_EVERY, WRITES_EVERY] = [4, 40];
/** Time after a write that may yet be executed, in milliseconds. */
const SETTLING = 300;

const [url = "", number = "", remote = "", library = ""] = process.argv.slice(2);
const own = KEYS.map((_, key) => key).filter((key) => key % PROCESSES === Number(number));

/** A level that is told of no single change. */
const deaf: CacheStoreFactory = (context) => {
  const store = redisCacheStore()(context);
  return Object.assign(store, {
    track: (
      (track) => (listener) =>
        track.call(store, {
          onChange: (key) => (key === undefined ? listener.onChange(key) : undefined),
          onLinkEnd: () => listener.onLinkEnd(),
        })
    )(store.track ?? (() => undefined)) satisfies typeof store.track,
  });
};

/** A client of the application, if a library is named. */
const client = library === "" ? undefined : await openClient();

const { caches, close } = createSojourn({
  projectName: "tiers",
  secretKey: "the secret of the processes with tiers",
  redis: { default: client === undefined ? url : { client } },
  caches: {
    default: {
      store: tieredCacheStore({
        remote: remote === "deaf" ? deaf : redisCacheStore(),
        maxStale: `${MAX_STALE}ms`,
      }),
      keyPrefix: "tier",
      deadline: "300ms",
      frozen: true,
    },
  },
});
const cache = caches.default;
const log = new ReadLog();
const acks: Ack[] = [];
const pauses = new PauseWatch(Number(number));
let [isOver, writes, failures] = [false, 0, 0];

process.on("disconnect", () => process.exit(1));
process.on("message", (message: "begin" | "end" | Evidence) => {
  if (message === "begin") void run();
  else if (message === "end") isOver = true;
  else void report(message);
});
await reachServer();
tell({ kind: "ready" });

async function openClient(): Promise<TestClient> {
  const { Redis } = (await import(library)) as IoredisLibrary;
  const { hostname: host, port } = new URL(url);
  // It leaves a silent server by itself, as Sojourn's own connections do.
  const opened = new Redis({ host, port: Number(port), socketTimeout: 500, retryStrategy: () => 20 });
  opened.on("error", () => {});
  await new Promise<void>((resolve) => void opened.on("ready", () => resolve()));
  return opened;
}

/** The machine is busy while all processes start. */
async function reachServer(attempts = 20): Promise<void> {
  await cache.ping().catch((error: unknown) => {
    if (attempts === 1) throw error;
    return reachServer(attempts - 1);
  });
}

async function run(): Promise<void> {
  await Promise.all([readOn(), writeOn()]);
  await pauses.stop();
  tell({ kind: "acks", acks });
}

async function readOn(): Promise<void> {
  while (!isOver) {
    for (let count = 0; count < READS; count++) await read(Math.floor(Math.random() * KEYS.length));
    await pause(READS_EVERY);
  }
}

async function read(key: number): Promise<void> {
  const at = monotonic();
  try {
    const value = await cache.get<{ readonly number: number }>(KEYS[key] ?? "");
    // A missing value is never old: only values are kept, and a restart loses all.
    if (value !== undefined) log.add(at, key, value.number);
  } catch {
    failures++;
  }
}

async function writeOn(): Promise<void> {
  for (let count = 1; !isOver; count++) {
    const key = own[count % own.length] ?? 0;
    try {
      writes++;
      if (Math.random() < 0.2) await cache.delete(KEYS[key] ?? "");
      else await cache.set(KEYS[key] ?? "", { number: count });
      acks.push({ key, number: count, at: monotonic() });
      await pause(WRITES_EVERY);
    } catch {
      failures++;
      await pause(SETTLING);
    }
  }
}

async function report({ pauses: others, ...evidence }: Evidence): Promise<void> {
  const ages = log.judge({ ...evidence, pauses: [...others, ...pauses.pauses] });
  tell({ kind: "report", report: { ...ages, writes, failures } });
  await close();
  client?.disconnect();
}

function tell(message: TierMessage): void {
  process.send?.(message);
}
