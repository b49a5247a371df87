import { describe, expect, test } from "vitest";

import { createSojourn, SessionInterrupted, type Sessions, type SessionStoreFactory } from "sojourn";
import { cachedDbSessionStore } from "sojourn/stores/cached-db";
import { cacheSessionStore } from "sojourn/stores/cache";
import { memoryCacheStore, memorySessionStore } from "sojourn/stores/memory";
import { systemClock } from "../../../src/core/clock.ts";
import { Deadline, RedisRegistry } from "sojourn/redis";
import { Random } from "../../support/random.ts";
import { scaled, seed } from "../../support/scale.ts";

const RUNS = scaled(50, 10_000);
const ACTORS = 4;
const STEPS = 6;

interface Counted {
  n?: number;
  [own: `own${number}`]: number;
}

/**
 * Two instances that share an engine, each of whose calls waits for a random number of turns before and
 * after.
 */
interface Opened {
  readonly instances: readonly [SessionStoreFactory, SessionStoreFactory];
  /** Faults that may strike the engine at any time. */
  readonly disturb?: () => Promise<unknown>;
}

type Engine = (random: Random) => Opened;

const ENGINES: Readonly<Record<string, Engine>> = {
  memory(random) {
    const store = once(memorySessionStore());
    return { instances: [delayed(store, random), delayed(store, random)] };
  },
  cache(random) {
    const cache = once(memoryCacheStore());
    const factory = () => cacheSessionStore({ store: delayed(cache, random) });
    return { instances: [factory(), factory()] };
  },
  cached(random) {
    const [cache, database] = [once(memoryCacheStore()), once(memorySessionStore())];
    const factory = () =>
      cachedDbSessionStore({ cache: delayed(cache, random), database: delayed(database, random) });
    const copies = cache({ redis: new RedisRegistry(), clock: systemClock });
    // The copies are evicted, so that they are made again.
    const disturb = async () => {
      const deadline = () => new Deadline(30_000);
      for await (const key of copies.scan("", deadline)) await copies.deleteMany([key], deadline());
    };
    return { instances: [factory(), factory()], disturb };
  },
  "database and cached, without copies and with them"(random) {
    const [cache, database] = [once(memoryCacheStore()), once(memorySessionStore())];
    const factory = (copies: boolean) =>
      cachedDbSessionStore({ cache: delayed(cache, random), database: delayed(database, random), copies });
    return { instances: [factory(false), factory(true)] };
  },
  "cache, one instance moving sessions into it and one following"(random) {
    const [cache, database] = [once(memoryCacheStore()), once(memorySessionStore())];
    const factory = (moves: boolean) =>
      cacheSessionStore({ store: delayed(cache, random), from: delayed(database, random), moves });
    return { instances: [factory(false), factory(true)] };
  },
};

/** Makes one store for all who ask. */
function once<Context, Store>(factory: (context: Context) => Store): (context: Context) => Store {
  let store: Store | undefined;
  return (context) => (store ??= factory(context));
}

function delayed<Context, Store extends object>(factory: (context: Context) => Store, random: Random) {
  return (context: Context): Store =>
    new Proxy(factory(context), {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === "users" && typeof value === "object" && value !== null)
          return delayed(() => value, random)(context);
        if (typeof value !== "function" || name === "scan" || name === "clear") return value;
        return async (...args: unknown[]): Promise<unknown> => {
          await turns(delay(random));
          const answer: unknown = await Reflect.apply(value, target, args);
          await turns(delay(random));
          return answer;
        };
      },
    });
}

/** Mostly short, so that much overlaps; now and then so long that all the others finish what they are at. */
function delay(random: Random): number {
  return random.next() < 0.1 ? random.integer(10, 40) : random.integer(0, 2);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => void setImmediate(resolve));
}

function open(store: SessionStoreFactory): Sessions<Counted> {
  const settings = { projectName: "shop", secretKey: "a secret of the tests, long enough" };
  return createSojourn<Counted>({ ...settings, sessions: { store, deadline: "30s" } }).sessions;
}

/** The acknowledged changes, and the cookies that there have been. */
class Log {
  updates = 0;
  readonly own = new Map<number, number>();
  readonly cookies: string[] = [];

  get newest(): string {
    return this.cookies.at(-1) ?? "";
  }
}

/** One step of one actor. What was interrupted has not happened. */
async function step(sessions: Sessions<Counted>, actor: number, random: Random, log: Log): Promise<void> {
  const session = await sessions.open(random.next() < 0.8 ? log.newest : random.pick(log.cookies));
  if (session.isNew) return;
  const value = random.integer(1, 1_000_000);
  try {
    switch (random.integer(0, 3)) {
      case 0:
        await session.update((data) => void (data.n = (data.n ?? 0) + 1));
        log.updates++;
        break;
      case 1:
      case 2:
        session.data[`own${actor}`] = value;
        await session.save();
        log.own.set(actor, value);
        break;
      default:
        await session.cycleKey();
        log.cookies.push(session.cookieHeader ?? "");
    }
  } catch (error) {
    if (!(error instanceof SessionInterrupted)) throw error;
  }
}

async function play({ instances, random, log, disturb }: Run): Promise<void> {
  const actors = Array.from({ length: ACTORS }, async (_, actor) => {
    for (let count = 0; count < STEPS; count++) {
      const sessions = instances[random.integer(0, 1)];
      if (disturb !== undefined && random.next() < 0.5) await disturb();
      if (sessions !== undefined) await step(sessions, actor, random, log);
    }
  });
  await Promise.all(actors);
}

interface Run {
  readonly random: Random;
  readonly instances: readonly Sessions<Counted>[];
  readonly disturb: (() => Promise<unknown>) | undefined;
  readonly log: Log;
}

async function begin(engine: Engine, run: number) {
  const random = new Random(seed + run);
  const { instances: stores, disturb } = engine(random);
  const instances = stores.map((store) => open(store));
  const [first] = instances;
  if (first === undefined) throw new Error("an engine has two instances");
  const created = await first.create({ n: 0 });
  const log = new Log();
  log.cookies.push(created.cookieHeader ?? "");
  return { random, instances, first, created, log, disturb };
}

describe.each(Object.entries(ENGINES))("random interleavings of two instances on %s", (name, engine) => {
  test("every acknowledged write is there at the end", async () => {
    let updates = 0;
    for (let run = 0; run < RUNS; run++) {
      const begun = await begin(engine, run);
      const { first, log } = begun;
      await play(begun);
      const last = await first.open(log.newest);
      const own = Object.fromEntries([...log.own].map(([actor, value]) => [`own${actor}`, value]));
      expect({ run, ...last.data }).toMatchObject({ run, n: log.updates, ...own });
      updates += log.updates;
    }
    expect(updates).toBeGreaterThan(RUNS);
  });

  test("once a logout has returned, nothing that was under way brings the session back", async () => {
    for (let run = 0; run < RUNS; run++) {
      const begun = await begin(engine, run);
      const { random, instances, first, log } = begun;
      const ended = (async () => {
        await turns(random.integer(0, 60));
        const session = await first.open(log.newest);
        if (session.isNew) return undefined;
        const cookie = session.cookieHeader ?? "";
        await session.logout();
        return cookie;
      })();
      await Promise.all([play(begun), ended]);
      const cookie = await ended;
      if (cookie === undefined) continue;
      for (const sessions of instances)
        expect({ run, isNew: (await sessions.open(cookie)).isNew }).toEqual({ run, isNew: true });
    }
  });

  if (name.startsWith("cache,") || name === "cache") return;
  // A cache has no index of users.
  test("once revokeUser has returned, no session of the user is left, and none comes", async () => {
    let revoked = 0;
    for (let run = 0; run < RUNS; run++) {
      const begun = await begin(engine, run);
      const { random, instances, first, created, log } = begun;
      await created.login(7);
      log.cookies.push(created.cookieHeader ?? "");
      const playing = play(begun);
      await turns(random.integer(0, 60));
      revoked += await first.revokeUser(7);
      await playing;
      for (const cookie of log.cookies) {
        for (const sessions of instances)
          expect({ run, isNew: (await sessions.open(cookie)).isNew }).toEqual({ run, isNew: true });
      }
    }
    expect(revoked).toBeGreaterThan(RUNS / 2);
  });
});
