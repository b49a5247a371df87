import { createSojourn, type Sessions, type SessionStore } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { ManualClock } from "../../../../src/testing/manual-clock.ts";
import { anyDeadline } from "../../../support/session-harness.ts";
import { Gate } from "./gate.ts";
import type { Choose } from "./explore.ts";
import {
  type Act,
  type Data,
  endingOf,
  type Outcome,
  type Scenario,
  titleOf,
  USER,
  type Variant,
} from "./scenario.ts";

const AGE = 600_000;
const SECRETS = {
  plain: { secretKey: "an old secret of the tests, as long" },
  renewing: { secretKey: "an old secret of the tests, as long" },
  rotated: {
    secretKey: "a new secret of the tests, as long",
    secretKeyFallbacks: ["an old secret of the tests, as long"],
  },
} as const;

/** A cookie that the browser has been told to keep. */
export interface SetCookie {
  readonly act: Act;
  /** `undefined`: it clears the cookie. */
  readonly key: string | undefined;
  /** Whether the key had a session when the head left. */
  readonly isLive: boolean;
}

export interface Found {
  readonly key: string;
  readonly userId: string | undefined;
  readonly data: Data;
}

/** The state when all requests of a scenario have been answered. */
export interface Aftermath {
  readonly scenario: Scenario;
  readonly outcomes: readonly Outcome[];
  readonly setCookies: readonly SetCookie[];
  /** The sessions in the store. */
  readonly sessions: readonly Found[];
  /** Key of the browser's session; `undefined` without one. */
  readonly key: string | undefined;
  /** The actors that were let through, in order. */
  readonly trace: readonly string[];
}

/** A request as the browser sends it. */
interface Sent {
  readonly act: Act;
  readonly actor: number;
  readonly cookie: string | undefined;
  /** Name of the session when it was listed. */
  readonly ref: string;
}

/** One browser, and the processes that serve it, on a memory store whose calls are let through one by one. */
export class World {
  readonly #gate = new Gate();
  readonly #clock = new ManualClock();
  readonly #instances = new Map<string, Sessions<Data>>();
  readonly #wrap: (store: SessionStore, process: number) => SessionStore;
  readonly #store: SessionStore;
  #jar: string | undefined;

  /** @param wrap Puts a fault between a process and the store. */
  constructor(wrap: (store: SessionStore, process: number) => SessionStore = (store) => store) {
    this.#wrap = wrap;
    this.#store = memorySessionStore()({ clock: this.#clock } as never);
  }

  /** Plays a scenario. @returns What breaks a promise. */
  async play(
    scenario: Scenario,
    choose: Choose,
    findingsOf: (aftermath: Aftermath) => readonly string[],
  ): Promise<readonly string[]> {
    const { cookie, ref } = await this.#begin(scenario);
    const setCookies: SetCookie[] = [];
    const trace: string[] = [];
    const names = new Map<string, string>();
    const requests = scenario.acts.map((act, actor) =>
      this.#gate.run(actor, () => this.#request(scenario, { act, actor, cookie, ref }, setCookies)),
    );
    let isPruned = false;
    for (;;) {
      const choices = await this.#gate.settle();
      if (choices.size === 0) break;
      const chosen: number | undefined = isPruned ? [...choices.keys()][0] : choose(choices);
      isPruned ||= chosen === undefined;
      const actor = chosen ?? [...choices.keys()][0];
      if (actor === undefined) break;
      const call = choices.get(actor);
      trace.push(
        `${actor} ${scenario.acts[actor]?.name}: ${call?.method}(${nameOf(names, call?.object ?? "")})`,
      );
      this.#gate.pass(actor);
    }
    const outcomes = await Promise.all(requests);
    const aftermath: Aftermath = { scenario, outcomes, setCookies, ...(await this.#look()), trace };
    const findings = isPruned ? [] : findingsOf(aftermath);
    return findings.length === 0 ? [] : [titleOf(scenario), ...findings, ...outcomes.map(tell), ...trace];
  }

  async #begin({ isLoggedIn, hasOldKey }: Scenario) {
    for (const { key } of (await this.#look()).sessions) await this.#store.delete(key, anyDeadline());
    const sessions = this.#sessions(99, "plain");
    const session = await sessions.create({ lineage: "first", n: 0 });
    if (isLoggedIn) await session.login(USER);
    const { cookieHeader: cookie, ref = "" } = session;
    this.#clock.advance(AGE);
    if (hasOldKey) await session.renewKey();
    this.#jar = session.cookieHeader;
    return { cookie, ref };
  }

  async #request(
    scenario: Scenario,
    { act, actor, cookie: cookieHeader, ref }: Sent,
    setCookies: SetCookie[],
  ): Promise<Outcome> {
    const sessions = this.#sessions(scenario.isShared ? actor : 0, variantOf(scenario, act));
    const request = {};
    const scope = sessions.scope(request, { cookieHeader, isSecure: () => true, host: () => "shop.example" });
    let outcome: Outcome = { act, ending: "ok" };
    try {
      const session = await sessions.from(request);
      await act.handle(session, {
        actor,
        revokeUser: () => sessions.revokeUser(USER),
        revoke: () => sessions.revoke(USER, ref),
      });
    } catch (error) {
      outcome = endingOf(act, error);
    }
    try {
      await scope.finish({ status: outcome.ending === "ok" ? 200 : 400, headersSent: false });
    } catch (error) {
      outcome = endingOf(act, error);
    }
    for (const header of scope.headers().setCookie) {
      this.#jar = /Max-Age=0/.test(header) ? undefined : header.split(";")[0];
      setCookies.push({
        act,
        key: this.#jar,
        isLive: await this.#gate.exempt(() => this.#isLive(this.#jar)),
      });
    }
    return outcome;
  }

  #sessions(process: number, variant: Variant): Sessions<Data> {
    const name = `${process} ${variant}`;
    const known = this.#instances.get(name);
    if (known) return known;
    const { sessions } = createSojourn<Data>({
      projectName: "orders",
      ...SECRETS[variant],
      clock: this.#clock,
      sessions: {
        store: () => this.#gate.guard(this.#wrap(this.#store, process)),
        ...(variant === "renewing" && { renewEvery: "5m" }),
      },
    });
    this.#instances.set(name, sessions);
    return sessions;
  }

  async #isLive(cookie: string | undefined): Promise<boolean> {
    return !(await this.#sessions(98, "rotated").open(cookie)).isNew;
  }

  async #look(): Promise<Pick<Aftermath, "sessions" | "key">> {
    const sessions: Found[] = [];
    const reader = this.#sessions(98, "rotated");
    for await (const key of this.#store.scan(anyDeadline)) {
      const { userId, data } = await reader.open(`sessionid=${key}`);
      sessions.push({ key, userId, data });
    }
    const session = await reader.open(this.#jar);
    return { sessions, key: session.isNew ? undefined : session.cookieHeader?.split("=")[1] };
  }
}

/** Requests of one process share its settings, and a new secret is that of all. */
function variantOf({ acts, isShared }: Scenario, { variant }: Act): Variant {
  const others = acts.flatMap((act) => act.variant ?? []);
  if (others.includes("rotated")) return "rotated";
  return (isShared ? variant : others[0]) ?? "plain";
}

function tell({ act, ending, error }: Outcome): string {
  return `${act.name} ended ${ending}${ending === "failed" ? `: ${String(error)}` : ""}`;
}

function nameOf(names: Map<string, string>, object: string): string {
  const name = names.get(object) ?? `${object.slice(0, object.indexOf(" "))} #${names.size}`;
  names.set(object, name);
  return name;
}
