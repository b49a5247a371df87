import { expect } from "vitest";
import type { SessionKey } from "../../../../src/core/ids.ts";
import type { OpenedEngine } from "../../../support/engines/open-engine.ts";
import { Random } from "../../../support/random.ts";
import { seed } from "../../../support/scale.ts";
import { anyDeadline } from "../../../support/session-harness.ts";
import type { StartApplication } from "../../adapters/support/start-application.ts";
import { BurstSite, type Deed, type Errand, randomPauses, type Transport, USER } from "./burst-site.ts";

/** Requests of one burst. */
export const SIZE = 6;
const TEN_MINUTES = 600_000;

/** An event of the session in the midst of a burst of reading and writing requests. */
export interface BurstEvent {
  /** A request of the burst that is the event. */
  readonly deed?: Deed;
  readonly renews?: boolean;
  readonly rotates?: boolean;
  /** The other requests. */
  readonly others?: readonly Deed[];
}

export const BURST_EVENTS: Readonly<Record<string, BurstEvent>> = {
  login: { deed: "login" },
  cycleKey: { deed: "cycleKey" },
  logout: { deed: "logout" },
  renewEvery: { renews: true },
  "a rotated secret": { rotates: true },
  djangoAuth: { rotates: true, others: ["getUser", "getUser", "read", "update"] },
};

const OTHERS: readonly Deed[] = ["read", "write", "write", "update"];

interface Played {
  readonly errand: Errand;
  readonly status: number;
}

/** One browser, whose bursts follow one another. */
class BurstVisitor {
  readonly #site: BurstSite;
  readonly #random: Random;
  readonly findings: string[] = [];
  #cookie: string | undefined;
  /** Requests so far, acknowledged updates, and acknowledged writes. */
  #number = 0;
  #updates = 0;
  #written: number[] = [];

  constructor(site: BurstSite, random: Random) {
    this.#site = site;
    this.#random = random;
  }

  async play(burst: number, event: BurstEvent, transport: Transport): Promise<void> {
    const turn = event.rotates ? burst : 0;
    if (this.#cookie === undefined) await this.#begin(turn, `burst ${burst}`);
    this.#site.clock.advance(TEN_MINUTES);
    const errands = this.#errands(event);
    const played = await Promise.all(
      errands.map((errand) => this.#send(errand, turn, burst, event, transport)),
    );
    for (const { errand, status } of played) this.#note(errand, status, burst, event);
    await (event.deed === "logout" ? this.#expectNothingLeft(burst, turn) : this.#expectAll(burst, turn));
  }

  async #begin(turn: number, lineage: string): Promise<void> {
    this.#cookie = await this.#site.begin(turn, lineage);
    [this.#updates, this.#written] = [0, []];
  }

  #errands({ deed, others = OTHERS }: BurstEvent): Errand[] {
    const at = this.#random.integer(0, SIZE - 1);
    return Array.from({ length: SIZE }, (_, index) => {
      const number = this.#number++;
      const isEvent = index === at && deed !== undefined;
      return { deed: isEvent ? deed : this.#random.pick(others), number, pauses: randomPauses(this.#random) };
    });
  }

  async #send(
    errand: Errand,
    turn: number,
    burst: number,
    event: BurstEvent,
    transport: Transport,
  ): Promise<Played> {
    const sent = this.#cookie;
    const { status, setCookie } = await transport(errand, sent);
    if (setCookie === undefined) return { errand, status };
    this.#cookie = setCookie === "" ? undefined : setCookie;
    // The key that it came with may have been replaced since its head has left: the response with the new one
    // comes later.
    if (event.deed === "logout" || setCookie === sent) return { errand, status };
    const isLive = setCookie !== "" && !(await this.#site.sessions(turn).open(setCookie)).isNew;
    if (!isLive) this.findings.push(`burst ${burst}: ${errand.deed} has set the cookie of a dead session`);
    return { errand, status };
  }

  #note({ deed, number }: Errand, status: number, burst: number, event: BurstEvent): void {
    const mayBeInterrupted = event.deed !== undefined && deed !== "read" && deed !== event.deed;
    if (status !== 200 && !(status === 400 && mayBeInterrupted))
      this.findings.push(`burst ${burst}: ${deed} was answered with ${status}`);
    if (status !== 200) return;
    if (deed === "update") this.#updates++;
    if (deed === "write" || deed === "getUser") this.#written.push(number);
  }

  async #expectAll(burst: number, turn: number): Promise<void> {
    const session = await this.#site.sessions(turn).open(this.#cookie);
    const { data, userId } = session;
    if (userId !== USER.id) this.findings.push(`burst ${burst}: the user is logged out`);
    const lost = this.#written.filter((number) => data[`own${number}`] !== number);
    if (lost.length > 0) this.findings.push(`burst ${burst}: the writes ${lost.join()} are lost`);
    if (data.n !== this.#updates)
      this.findings.push(`burst ${burst}: ${data.n} of ${this.#updates} updates are there`);
    const keys = await this.#keys();
    if (keys.length !== 1) this.findings.push(`burst ${burst}: there are ${keys.length} sessions`);
    if (this.findings.length > 0) await this.#giveUp(keys);
  }

  /** A request that came before the logout had ended may have begun an empty session. */
  async #expectNothingLeft(burst: number, turn: number): Promise<void> {
    for (const key of await this.#keys()) {
      const { data, userId } = await this.#site.sessions(turn).open(`sessionid=${key}`);
      if (userId !== undefined || data.lineage !== undefined)
        this.findings.push(`burst ${burst}: a session of ${userId} is there after the logout`);
      await this.#site.store.delete(key, anyDeadline());
    }
    this.#cookie = undefined;
  }

  /** Begins with another session after a finding. */
  async #giveUp(keys: readonly SessionKey[]): Promise<void> {
    for (const key of keys) await this.#site.store.delete(key, anyDeadline());
    this.#cookie = undefined;
  }

  async #keys(): Promise<SessionKey[]> {
    const keys: SessionKey[] = [];
    for await (const key of this.#site.store.scan(anyDeadline)) keys.push(key);
    return keys;
  }
}

export interface BurstOptions {
  readonly bursts: number;
  /** Framework of the requests over HTTP. @defaultValue none: they go to the library without a connection */
  readonly start?: StartApplication | undefined;
}

/** Plays bursts around an event, and expects that each promise has been kept. */
export async function expectNoFindings(
  engine: Omit<OpenedEngine, "close">,
  event: BurstEvent,
  { bursts, start }: BurstOptions,
): Promise<void> {
  const site = new BurstSite(engine, { renews: event.renews ?? false });
  try {
    const transports =
      start === undefined
        ? [site.direct(0), site.direct(1)]
        : [await site.overHttp(0, start), await site.overHttp(1, start)];
    const visitor = new BurstVisitor(site, new Random(seed));
    for (let burst = 0; burst < bursts; burst++)
      await visitor.play(burst, event, transports[event.rotates ? burst % 2 : 0] as Transport);
    expect(visitor.findings).toStrictEqual([]);
  } finally {
    await site.close();
  }
}
