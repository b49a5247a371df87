import { expect } from "vitest";

import { createSojourn, type Sessions, type SessionStoreFactory } from "sojourn";
import { Random } from "../../support/random.ts";

/** Data of the sessions under load. */
export interface Counted {
  n?: number;
  note?: number;
}

/** One instance of the application, with connections of its own. */
export interface Instance {
  readonly name: string;
  readonly sessions: Sessions<Counted>;
  readonly close: () => Promise<void>;
}

/** How an instance is set. */
export interface Settings {
  readonly name: string;
  readonly store: SessionStoreFactory;
}

/** Starts an instance. @param redis Settings of its connection. */
export function startInstance(
  { name, store }: Settings,
  redis: { readonly path: string } | string,
): Instance {
  const application = createSojourn<Counted>({
    projectName: "shop",
    secretKey: "a secret of the tests, long enough",
    redis: { default: redis },
    sessions: { store, deadline: "20s", touchEvery: "1ms" },
  });
  return { name, sessions: application.sessions, close: application.close };
}

/** The instances behind a load balancer, which gives each request to any of them. */
export class Fleet {
  readonly #random: Random;
  readonly #busy = new Map<Instance, number>();
  readonly #instances: Instance[];

  constructor(instances: readonly Instance[], random: Random) {
    this.#instances = [...instances];
    this.#random = random;
  }

  get all(): readonly Instance[] {
    return this.#instances;
  }

  /** Runs a request on one of the instances. */
  async request<Result>(handler: (sessions: Sessions<Counted>) => Promise<Result>): Promise<Result> {
    const instance = this.#random.pick(this.#instances);
    this.#count(instance, 1);
    try {
      return await handler(instance.sessions);
    } finally {
      this.#count(instance, -1);
    }
  }

  /** Puts another instance in the place of one, which is closed when its last request is over. */
  async replace(index: number, instance: Instance): Promise<void> {
    const [old] = this.#instances.splice(index, 1, instance);
    if (old === undefined) throw new Error("there is no such instance");
    while ((this.#busy.get(old) ?? 0) > 0) await new Promise((resolve) => void setImmediate(resolve));
    await old.close();
  }

  #count(instance: Instance, change: number): void {
    this.#busy.set(instance, (this.#busy.get(instance) ?? 0) + change);
  }
}

/** Visitors who all the time read, change, begin, log in and log out, each in sessions of their own. */
export class Load {
  /** Cookies of sessions that were logged out, or whose key was changed by a login. */
  readonly ended: string[] = [];
  readonly counts = { read: 0, update: 0, save: 0, login: 0, logout: 0 };
  readonly #visitors: readonly Promise<void>[];
  readonly #fleet: Fleet;
  readonly #waiting: { readonly at: number; readonly resolve: () => void }[] = [];
  #requests = 0;
  #isOver = false;

  constructor(fleet: Fleet, visitors: number, seed: number) {
    this.#fleet = fleet;
    this.#visitors = Array.from({ length: visitors }, (_, index) =>
      this.#visit(index, new Random(seed + index)),
    );
  }

  /** Waits for some more steps of the visitors. Fails as soon as one of them has seen something wrong. */
  async steps(count: number): Promise<void> {
    const done = new Promise<void>(
      (resolve) => void this.#waiting.push({ at: this.#requests + count, resolve }),
    );
    await Promise.race([done, ...this.#visitors]);
  }

  /** Lets all visitors finish. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#visitors);
  }

  async #visit(index: number, random: Random): Promise<void> {
    const visitor = new Visitor(this.#fleet, `user${index}`, this.ended);
    await visitor.begin();
    while (!this.#isOver) {
      const step = random.pick(["read", "read", "update", "update", "save", "login", "logout"] as const);
      if (step !== "logout" || random.next() < 0.5) {
        await visitor[step]();
        this.counts[step]++;
      }
      this.#requests++;
      for (const { at, resolve } of this.#waiting) if (at <= this.#requests) resolve();
    }
    await visitor.read();
  }
}

/** A visitor with one session, who knows what must be in it. */
class Visitor {
  readonly #fleet: Fleet;
  readonly #name: string;
  readonly #ended: string[];
  #cookie = "";
  #expected: Counted = {};
  #user: string | undefined;

  constructor(fleet: Fleet, name: string, ended: string[]) {
    this.#fleet = fleet;
    this.#name = name;
    this.#ended = ended;
  }

  async begin(): Promise<void> {
    this.#expected = { n: 0 };
    this.#user = undefined;
    await this.#fleet.request(async (sessions) => {
      this.#cookie = (await sessions.create({ n: 0 })).cookieHeader ?? "";
    });
  }

  async read(): Promise<void> {
    await this.#fleet.request((sessions) => this.#open(sessions));
  }

  /** Three tabs at once, each on an instance of its own. */
  async update(): Promise<void> {
    const tab = (sessions: Sessions<Counted>) =>
      sessions
        .open(this.#cookie)
        .then((session) => session.update((data) => void (data.n = (data.n ?? 0) + 1)));
    await Promise.all([1, 2, 3].map(() => this.#fleet.request(tab)));
    this.#expected.n = (this.#expected.n ?? 0) + 3;
  }

  async save(): Promise<void> {
    const note = (this.#expected.note ?? 0) + 1;
    await this.#fleet.request(async (sessions) => {
      const session = await this.#open(sessions);
      session.data.note = note;
      await session.save();
    });
    this.#expected.note = note;
  }

  async login(): Promise<void> {
    const old = this.#cookie;
    await this.#fleet.request(async (sessions) => {
      const session = await this.#open(sessions);
      await session.login(this.#name);
      this.#cookie = session.cookieHeader ?? "";
    });
    this.#user = this.#name;
    if (old !== this.#cookie) this.#ended.push(old);
    await this.read();
  }

  async logout(): Promise<void> {
    const old = this.#cookie;
    await this.#fleet.request(async (sessions) => {
      const session = await this.#open(sessions);
      await session.logout();
    });
    this.#ended.push(old);
    await this.#fleet.request(async (sessions) => expect((await sessions.open(old)).isNew).toBe(true));
    await this.begin();
  }

  /** Nobody has been logged out, and nothing that was acknowledged is missing. */
  async #open(sessions: Sessions<Counted>) {
    const session = await sessions.open(this.#cookie);
    const { n, note } = session.data;
    const seen = { isNew: session.isNew, user: session.userId, data: { n, note } };
    expect(seen).toEqual({ isNew: false, user: this.#user, data: this.#expected });
    return session;
  }
}
