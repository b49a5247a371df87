import { setTimeout as sleep } from "node:timers/promises";

import type { StoreConnectionError } from "../../src/core/errors.ts";
import { createSojourn } from "../../src/create-sojourn.ts";
import type { RedisConnectionSettings } from "../../src/redis/settings.ts";
import { redisSessionStore, type RedisWaitFor } from "../../src/stores/redis/index.ts";
import { Browser, type Data } from "../support/session-harness.ts";

/** Results of the traffic during an event. */
export interface Account {
  /** Updates and logouts that were acknowledged. */
  readonly acknowledged: number;
  /** Acknowledged updates that are not there, also of sessions that are gone. */
  readonly lostUpdates: number;
  /** Acknowledged logouts whose sessions are there. */
  readonly resurrections: number;
  /** Updates that are there more often than they can have been executed. */
  readonly doubled: number;
  /** Locks that are held although their holders are through. */
  readonly locksLeft: number;
  /** Locks that may be held, since taking or releasing them failed: they end with their time-out. */
  readonly uncertainLocks: number;
  /** Longest time in which a visitor had no success, in milliseconds. */
  readonly longestGap: number;
  /** Longest time that a request took, in milliseconds. */
  readonly longestRequest: number;
  /** How often each error came: `code outcome`, or `code reply outcome`. */
  readonly errors: Readonly<Record<string, number>>;
  /** The first message of each. */
  readonly messages: Readonly<Record<string, string>>;
  /** Those of what began after {@link Traffic.expectNoErrors}. */
  readonly lateErrors: readonly string[];
}

interface Visitor {
  readonly browser: Browser;
  readonly id: number;
  acknowledged: number;
  unknown: number;
  lastSuccess: number;
  longestGap: number;
  isGone: boolean;
}

/** Visitors of a site who update their sessions without a pause, log in and out, take locks, and use a cache. */
export class Traffic {
  readonly #sojourn;
  readonly #visitors: Visitor[] = [];
  readonly #loggedOut: string[] = [];
  readonly #errors: Record<string, number> = {};
  readonly #messages: Record<string, string> = {};
  readonly #lateErrors: string[] = [];
  readonly #running: Promise<void>[] = [];
  #locks = 0;
  #uncertainLocks = 0;
  #errorsEnd = Number.POSITIVE_INFINITY;
  #longestRequest = 0;
  #isOver = false;

  constructor(redis: RedisConnectionSettings, waitFor?: RedisWaitFor) {
    this.#sojourn = createSojourn<Data>({
      projectName: "traffic",
      secretKey: "a secret of the tests, long enough",
      redis: { default: redis },
      sessions: { store: redisSessionStore({ waitFor }), deadline: "1s" },
      caches: { default: { keyPrefix: "traffic", deadline: "1s" } },
    });
  }

  /** Begins it, with so many visitors that each node has some. */
  async start(visitors = 30): Promise<void> {
    for (let id = 0; id < visitors; id++) {
      const browser = new Browser(this.#sojourn.sessions);
      await this.#until(() => browser.request((session) => void Object.assign(session.data, { id, n: 0 })));
      const lastSuccess = performance.now();
      const visitor = { browser, id, acknowledged: 0, unknown: 0, lastSuccess, longestGap: 0, isGone: false };
      this.#visitors.push(visitor);
      this.#running.push(this.#visit(visitor));
    }
    for (let lane = 0; lane < 5; lane++)
      this.#running.push(this.#comeAndGo(), this.#lock(), this.#useCache(lane));
  }

  /** From now on, nothing is to fail. */
  expectNoErrors(): void {
    this.#errorsEnd = performance.now();
  }

  /** Whether every visitor has had a success since a time. */
  hasHealedSince(time: number): boolean {
    return this.#visitors.every(({ isGone, lastSuccess }) => isGone || lastSuccess > time);
  }

  /** Ends it, and looks at what is there. */
  async stop(): Promise<Account> {
    this.#isOver = true;
    await Promise.all(this.#running);
    let [lostUpdates, doubled, resurrections, locksLeft] = [0, 0, 0, 0];
    for (const { browser, id, acknowledged, unknown } of this.#visitors) {
      const n = await browser.request((session) =>
        session.data["id"] === id ? Number(session.data["n"]) : 0,
      );
      lostUpdates += Math.max(0, acknowledged - n);
      doubled += Math.max(0, n - acknowledged - unknown);
    }
    for (const cookie of this.#loggedOut) {
      const browser = new Browser(this.#sojourn.sessions, cookie);
      if (await browser.request((session) => session.isAuthenticated)) resurrections++;
    }
    for (let lane = 0; lane < this.#locks; lane++) {
      const lock = this.#sojourn.caches.default.lock(`lock${lane}`, { timeout: "20s", blockingTimeout: 0 });
      if (await lock.acquire()) await lock.release();
      else locksLeft++;
    }
    await this.#sojourn.close();
    const acknowledged = this.#visitors.reduce(
      (sum, each) => sum + each.acknowledged,
      this.#loggedOut.length,
    );
    const longestGap = Math.round(Math.max(...this.#visitors.map((each) => each.longestGap)));
    const longestRequest = Math.round(this.#longestRequest);
    const [errors, lateErrors, uncertainLocks] = [this.#errors, this.#lateErrors, this.#uncertainLocks];
    const counts = { acknowledged, lostUpdates, resurrections, doubled, locksLeft, uncertainLocks };
    return { ...counts, longestGap, longestRequest, errors, messages: this.#messages, lateErrors };
  }

  /** Tries something until it works. */
  async #until(act: () => Promise<unknown>): Promise<void> {
    for (;;) {
      const start = performance.now();
      try {
        await act();
        return;
      } catch (error) {
        this.#note(error, start);
        await sleep(50);
      }
    }
  }

  async #visit(visitor: Visitor): Promise<void> {
    while (!this.#isOver && !visitor.isGone) {
      const start = performance.now();
      try {
        await this.#timed(visitor.browser, (session) => {
          if (session.data["id"] === visitor.id) session.data["n"]++;
          else visitor.isGone = true;
        });
        if (!visitor.isGone) visitor.acknowledged++;
        const now = performance.now();
        visitor.longestGap = Math.max(visitor.longestGap, now - visitor.lastSuccess);
        visitor.lastSuccess = now;
      } catch (error) {
        if (this.#note(error, start) === "unknown") visitor.unknown++;
      }
      await sleep(10);
    }
  }

  async #comeAndGo(): Promise<void> {
    for (let user = 1; !this.#isOver; user++) {
      const browser = new Browser(this.#sojourn.sessions);
      const start = performance.now();
      try {
        await this.#timed(browser, (session) => session.login(user % 10));
        const { cookie = "" } = browser;
        await sleep(20);
        await this.#timed(browser, (session) => session.logout());
        this.#loggedOut.push(cookie);
      } catch (error) {
        this.#note(error, start);
      }
      await sleep(10);
    }
  }

  async #lock(): Promise<void> {
    const name = `lock${this.#locks++}`;
    while (!this.#isOver) {
      const lock = this.#sojourn.caches.default.lock(name, { timeout: "20s", blockingTimeout: 0 });
      const start = performance.now();
      let hasRun = false;
      try {
        await lock.run(() => sleep(20).then(() => void (hasRun = true)));
      } catch (error) {
        if (this.#note(error, start) === "unknown" || hasRun) this.#uncertainLocks++;
      }
      await sleep(20);
    }
  }

  async #useCache(lane: number): Promise<void> {
    const cache = this.#sojourn.caches.default;
    for (let round = 0; !this.#isOver; round++) {
      const keys = Array.from({ length: 20 }, (_, index) => `page${lane}:${round}:${index}`);
      const start = performance.now();
      try {
        await cache.getOrSet(`news${lane}:${round}`, () => round, { tags: ["news"], timeout: "1m" });
        await cache.setMany(new Map(keys.map((key) => [key, round])), { timeout: "1m" });
        await cache.getMany(keys);
        await cache.deleteMany(keys);
      } catch (error) {
        this.#note(error, start);
      }
      await sleep(20);
    }
  }

  async #timed(browser: Browser, handler: Parameters<Browser["request"]>[0]): Promise<void> {
    const start = performance.now();
    try {
      await browser.request(handler);
    } finally {
      this.#longestRequest = Math.max(this.#longestRequest, performance.now() - start);
    }
  }

  /** @param start When it began. */
  #note(error: unknown, start: number): string | undefined {
    const { code, problem, outcome, message } = error as StoreConnectionError & { readonly problem?: string };
    const reply = /Redis answered .* with ([A-Z]+)\./.exec(message)?.[1];
    const name = [code, problem, reply, outcome].filter((part) => part !== undefined).join(" ");
    this.#errors[name] = (this.#errors[name] ?? 0) + 1;
    this.#messages[name] ??= message;
    // A lock that its holder could not release ends with its time-out.
    if (start > this.#errorsEnd && name !== "ERR_CACHE_LOCK busy") this.#lateErrors.push(name);
    return outcome;
  }
}
