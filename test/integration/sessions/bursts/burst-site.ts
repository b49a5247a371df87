import { once } from "node:events";
import { request as send, type IncomingMessage } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { djangoAuth, type DjangoAuth } from "sojourn/django";
import { SessionInterrupted, type Session, type Sessions, type SessionStore } from "sojourn";
import type { AdapterTestAnswer } from "sojourn/testing";
import { createSojourn } from "../../../../src/create-sojourn.ts";
import { type Clock, systemClock } from "../../../../src/core/clock.ts";
import type { OpenedEngine } from "../../../support/engines/open-engine.ts";
import type { StartApplication } from "../../adapters/support/start-application.ts";
import { routeArgument, withArguments } from "../../adapters/support/route-argument.ts";
import type { Random } from "../../../support/random.ts";

export interface BurstData {
  lineage?: string;
  n?: number;
  [own: `own${number}`]: number;
}

/** The act of one request of a burst. */
export type Deed = "read" | "write" | "update" | "login" | "cycleKey" | "logout" | "getUser";

/**
 * A request; its pauses, in milliseconds, are before the load, in the handler and before the end of the
 * response.
 */
export interface Errand {
  readonly deed: Deed;
  readonly number: number;
  readonly pauses: readonly [number, number, number];
}

export interface Answer {
  readonly status: number;
  /** `undefined`: none came; an empty text clears the cookie. */
  readonly setCookie: string | undefined;
}

/** Carries a request, with the cookie of that moment, to one of the processes. */
export type Transport = (errand: Errand, cookie: string | undefined) => Promise<Answer>;

/** A clock that a test puts forward. */
export class ShiftedClock implements Clock {
  #shift = 0;

  now(): number {
    return systemClock.now() + this.#shift;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  advance(span: number): void {
    this.#shift += span;
  }
}

export const USER = { id: "7", password: "pbkdf2_sha256$1$salt$hash" };
const SECRETS = ["the first secret of these bursts", "the second secret of these bursts"] as const;

/** Two processes, by turns with one secret and with the other, on one store. */
export class BurstSite {
  readonly clock: ShiftedClock = new ShiftedClock();
  readonly #closing: (() => Promise<unknown>)[] = [];
  readonly #processes: { readonly sessions: Sessions<BurstData>; readonly auth: DjangoAuth<typeof USER> }[][];
  readonly store: SessionStore;

  constructor(engine: Omit<OpenedEngine, "close">, { renews }: { readonly renews: boolean }) {
    const stores: SessionStore[] = [];
    this.#processes = SECRETS.map((secretKey, turn) =>
      [0, 1].map(() => {
        const secrets = { secretKey, secretKeyFallbacks: [SECRETS[1 - turn] ?? ""] };
        const { sessions, close } = createSojourn<BurstData>({
          projectName: "bursts",
          ...secrets,
          redis: engine.redis,
          clock: this.clock,
          sessions: {
            store: (context) => {
              stores.push(engine.store(context));
              return stores.at(-1) as SessionStore;
            },
            format: engine.format,
            deadline: "20s",
            cookie: { secure: false },
            ...(renews && { renewEvery: "5m" }),
          },
        });
        this.#closing.push(close);
        return { sessions, auth: djangoAuth({ ...secrets, findUser: async () => USER }) };
      }),
    );
    const [store] = stores;
    if (store === undefined) throw new Error("no store was made");
    this.store = store;
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close();
  }

  /** The sessions of a process that is no part of a burst. @param turn Which secret is the current one. */
  sessions(turn: number): Sessions<BurstData> {
    return this.#process(turn, 0).sessions;
  }

  /** Begins a session of the user. @returns Its cookie. */
  async begin(turn: number, lineage: string): Promise<string> {
    const { sessions, auth } = this.#process(turn, 0);
    const session = await sessions.create({ lineage, n: 0 });
    await auth.login(session, USER);
    return session.cookieHeader ?? "";
  }

  /** Requests that go to the library without a connection. */
  direct(turn: number): Transport {
    return async (errand, cookieHeader) => {
      const { sessions, auth } = this.#process(turn, errand.number);
      const request = {};
      const scope = sessions.scope(request, {
        cookieHeader,
        isSecure: () => true,
        host: () => "shop.example",
      });
      let status = 200;
      try {
        await handle(() => sessions.from(request), auth, errand);
      } catch (error) {
        status = statusOf(error);
      }
      await pause(errand.pauses[2]);
      try {
        await scope.finish({ status, headersSent: false });
      } catch (error) {
        status = statusOf(error);
      }
      return { status, setCookie: readSetCookie(scope.headers().setCookie) };
    };
  }

  /** Requests over HTTP, through the adapter of an application. */
  async overHttp(turn: number, start: StartApplication): Promise<Transport> {
    const ports = await Promise.all([0, 1].map((number) => this.#serve(turn, number, start)));
    return async (errand, cookie) => {
      const outgoing = send({
        host: "127.0.0.1",
        port: ports[errand.number % ports.length],
        path: `/errand/${encodeURIComponent(JSON.stringify(errand))}`,
        headers: cookie === undefined ? {} : { cookie },
        agent: false,
      });
      outgoing.end();
      const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
      // A browser keeps a cookie when it has read the head.
      incoming.resume();
      return {
        status: incoming.statusCode ?? 0,
        setCookie: readSetCookie(incoming.headers["set-cookie"] ?? []),
      };
    };
  }

  async #serve(turn: number, number: number, start: StartApplication): Promise<number> {
    const { sessions, auth } = this.#process(turn, number);
    const run = async (request: object): Promise<AdapterTestAnswer> => {
      const errand = JSON.parse(routeArgument()) as Errand;
      await handle(() => sessions.from(request), auth, errand);
      await pause(errand.pauses[2]);
      return { kind: "text", body: "done" };
    };
    const { port, close } = await start({
      mounts: [{ sessions: sessions as Sessions<object> as Sessions, eager: false, crossSite: "interrupt" }],
      routes: [{ method: "GET", path: "/errand", handle: run }],
      trustsProxy: false,
      protocol: "HTTP/1.1",
      answerError: (error) => ({
        status: error instanceof SessionInterrupted ? error.statusCode : 500,
        body: String(error),
      }),
      around: withArguments,
    });
    this.#closing.unshift(async () => close());
    return port;
  }

  #process(turn: number, number: number) {
    const process = this.#processes[turn % SECRETS.length]?.[number % 2];
    if (process === undefined) throw new Error("there is no such process");
    return process;
  }
}

async function handle(
  load: () => Promise<Session<BurstData>>,
  auth: DjangoAuth<typeof USER>,
  { deed, number, pauses }: Errand,
): Promise<void> {
  await pause(pauses[0]);
  const session = await load();
  if (deed === "getUser") await auth.getUser(session);
  await pause(pauses[1]);
  if (deed === "login") await auth.login(session, USER);
  else if (deed === "cycleKey") await session.cycleKey();
  else if (deed === "logout") await session.logout();
  else if (deed === "update") await session.update((data) => void (data.n = (data.n ?? 0) + 1));
  else if (deed === "write" || deed === "getUser") session.data[`own${number}`] = number;
}

function statusOf(error: unknown): number {
  if (error instanceof SessionInterrupted) return 400;
  throw error;
}

function readSetCookie([header]: readonly string[]): string | undefined {
  if (header === undefined) return undefined;
  return /Max-Age=0/.test(header) ? "" : header.split(";")[0];
}

/** Mostly short, so that much overlaps. */
export function randomPauses(random: Random): Errand["pauses"] {
  const next = () => (random.next() < 0.5 ? 0 : random.integer(1, 6));
  return [next(), next(), next()];
}
