import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../../support/random.ts";
import type { Subject } from "./operator.ts";
import { monotonic } from "./pause-watch.ts";
import type { Answer } from "./worker-messages.ts";

/** Requests of one page that are under way at the same time: browsers open six connections to a host. */
export const BURST = 6;

/** How often each kind comes, among the requests of a page but for its event. */
const ORDINARY = { read: 30, getUser: 10, set: 20, append: 20, update: 20 } as const;

/** Events in the midst of some pages. */
const EVENTS = {
  login: 30,
  cycleKey: 15,
  logout: 15,
  revoke: 8,
  revokeUser: 8,
  renew: 10,
  expire: 6,
} as const;

/** Without an index of users, nobody can end a session from elsewhere. */
const EVENTS_WITHOUT_USERS = { ...EVENTS, revoke: 0, revokeUser: 0 };

/** Share of the pages that have an event, and of those that have two. */
const EVENTFUL = 0.4;
const TWICE = 0.1;

/** Share of the requests that were sent with a cookie which has been replaced since. */
const LATE = 0.04;

/** How long a connection rests after a failure: one that is refused would use up all requests otherwise. */
const REST = 10;

/** Sends a request over one of the connections. */
export type Send = (connection: number, subject: Subject) => Promise<Answer>;

export interface BrowserOptions {
  readonly visitor: number;
  readonly user: string;
  readonly random: Random;
  readonly hasUsers: boolean;
  /** Time for which requests with a replaced cookie are still under way, in milliseconds. */
  readonly lateFor: number;
  readonly send: Send;
  readonly isOver: () => boolean;
  readonly onAnswer: (answer: Answer, times: { readonly sentAt: number; readonly arrivedAt: number }) => void;
}

interface Replaced {
  readonly key: string;
  readonly at: number;
}

/**
 * A visitor's browser. It opens one page after another, each with parallel requests that carry the cookie of
 * the moment they are sent; each response sets its cookie when it arrives. Some pages are left before all of
 * them have arrived.
 */
export class Browser {
  readonly #options: BrowserOptions;
  readonly #busy = new Map<number, Promise<unknown>>();
  #cookie: string | undefined;
  /** Cookies that lead to no session. */
  readonly #dead = new Set<string>();
  /** Cookies of sessions whose beginning nobody knows. */
  readonly #useless = new Set<string>();
  #replaced: Replaced[] = [];

  constructor(options: BrowserOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { random, isOver } = this.#options;
    while (!isOver()) {
      if (await this.#hasSession()) this.#openPage();
      const isPatient = random.next() < 0.6;
      const all = Promise.all(this.#busy.values());
      await (isPatient ? all : Promise.race([all, pause(random.integer(2, 30))]));
    }
    await Promise.all(this.#busy.values());
  }

  /** A visitor who has been logged out goes on with the dead cookie for a while, or comes back without one. */
  async #hasSession(): Promise<boolean> {
    const { random } = this.#options;
    const cookie = this.#cookie;
    const isUsable = cookie !== undefined && !this.#useless.has(cookie);
    if (isUsable && (!this.#dead.has(cookie) || random.next() < 0.3)) return true;
    await Promise.all(this.#busy.values());
    this.#cookie = undefined;
    // A session that a login beside another one has left lives on, and is no old key of the one that begins now.
    this.#replaced = [];
    await this.#request(0, { kind: "create" });
    return this.#cookie !== undefined;
  }

  #openPage(): void {
    const { random, hasUsers } = this.#options;
    const weights = hasUsers ? EVENTS : EVENTS_WITHOUT_USERS;
    const free = Array.from({ length: BURST }, (_, at) => at).filter((at) => !this.#busy.has(at));
    const share = random.next();
    const events = share < TWICE ? 2 : share < EVENTFUL ? 1 : 0;
    const eventful = new Set(Array.from({ length: events }, () => random.pick([...free, 0])));
    for (const connection of free) {
      const kind = eventful.has(connection) ? random.weighted(weights) : random.weighted(ORDINARY);
      const sending = this.#request(connection, this.#subject(kind)).finally(() =>
        this.#busy.delete(connection),
      );
      this.#busy.set(connection, sending);
    }
  }

  #subject(kind: Subject["kind"]): Subject {
    const { random, user, lateFor } = this.#options;
    if (kind === "revokeUser") return { kind, user };
    const now = monotonic();
    this.#replaced = this.#replaced.filter(({ at }) => now - at < lateFor);
    const isLate = this.#replaced.length > 0 && random.next() < (kind === "logout" ? 0.3 : LATE);
    const key = isLate ? random.pick(this.#replaced).key : this.#cookie;
    return { kind, key, ...(isLate && { isLate }), ...(kind === "login" && { user }) };
  }

  async #request(connection: number, subject: Subject): Promise<void> {
    const { send, visitor, onAnswer } = this.#options;
    const sentAt = monotonic();
    const answer = await send(connection, { ...subject, visitor });
    onAnswer(answer, { sentAt, arrivedAt: monotonic() });
    if (answer.setCookie !== undefined) this.#keep(answer.setCookie);
    if (answer.isUseless && answer.setCookie !== undefined) this.#useless.add(answer.setCookie);
    if (answer.isAbsent && subject.key !== undefined) this.#dead.add(subject.key);
    if (!answer.isOk) await pause(REST);
  }

  #keep(cookie: string): void {
    const isReplaced =
      this.#cookie !== undefined && this.#cookie !== cookie && !this.#useless.has(this.#cookie);
    if (this.#cookie !== undefined && isReplaced) this.#replaced.push({ key: this.#cookie, at: monotonic() });
    this.#cookie = cookie === "" ? undefined : cookie;
  }
}
