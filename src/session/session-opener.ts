import { Deadline } from "../core/deadlines.ts";
import { InsecureRequestError } from "../core/errors.ts";
import { rejectWith } from "../core/reject-with.ts";
import { type CookieAttributes, type CookieReading, readCookie } from "./http/cookie.ts";
import { applySchema, type DataSchema, type OnInvalid } from "./data/data-schema.ts";
import type { PlainHttp } from "./http/plain-http.ts";
import type { RequestInfo } from "./http/request-contract.ts";
import type { LoadResult } from "./stored/session-records.ts";
import type { SessionHomes } from "./session-home.ts";
import { type CookieInfo, FoundSession, SessionOrigin } from "./session-origin.ts";
import type { SessionServices } from "./session-services.ts";
import type { EarlierVisits } from "./take-over/earlier-visits.ts";
import { SessionState } from "./session-state.ts";
import { Session } from "./session.ts";

const NO_REQUEST: CookieInfo = { cookieHeader: undefined };
const NO_COOKIE = readCookie(undefined, "", () => false);

/** Dependencies of {@link SessionOpener}. */
export interface SessionOpenerOptions {
  readonly services: SessionServices;
  readonly homes: SessionHomes;
  readonly cookie: CookieAttributes;
  readonly plainHttp: PlainHttp;
  /** Sessions of other libraries; `undefined`: none. */
  readonly takeOver: EarlierVisits | undefined;
  readonly dataSchema: DataSchema;
}

/** Finds the session of a request, or begins one. */
export class SessionOpener<Data extends object> {
  readonly #options: SessionOpenerOptions;
  readonly #duplicates: DuplicateCookies;
  readonly #accepts: (cookieValue: string) => boolean;

  constructor(options: SessionOpenerOptions) {
    this.#options = options;
    this.#duplicates = new DuplicateCookies(options.cookie);
    this.#accepts = (cookieValue) => options.homes.accepts(cookieValue);
  }

  /** Makes a session that belongs to no request. */
  async begin(): Promise<Session<Data>> {
    const { homes, cookie } = this.#options;
    const session = this.#make(
      new SessionOrigin(homes.open(undefined), undefined, NO_COOKIE, NO_REQUEST, cookie.sameSite),
    );
    await this.#fit(session);
    return session;
  }

  /** Loads the session of a request. */
  openFor(info: RequestInfo, onInvalid: OnInvalid | undefined): Promise<Session<Data>> {
    try {
      if (this.#options.plainHttp.isRefused(info)) return this.#refuse(info);
      return this.#open(info, onInvalid, info.areHeadersSent?.() ?? false);
    } catch (error) {
      // The adapter's functions may throw.
      return rejectWith(error);
    }
  }

  /** Loads the session of a Cookie header. */
  open(cookieHeader: string | undefined): Promise<Session<Data>> {
    return this.#open({ cookieHeader }, undefined, false);
  }

  async #refuse({ cookieHeader }: RequestInfo): Promise<never> {
    if (this.#readCookie(cookieHeader).isPresent)
      this.#options.services.events.emit("rejected", { reason: "insecure" });
    throw new InsecureRequestError();
  }

  /** @param areHeadersSent They were when the session was asked for: the response waits during the load. */
  async #open(
    info: CookieInfo,
    onInvalid: OnInvalid | undefined,
    areHeadersSent: boolean,
  ): Promise<Session<Data>> {
    const { homes, services, cookie } = this.#options;
    const reading = this.#readCookie(info.cookieHeader);
    const { values, rejection } = reading;
    if (rejection) services.events.emit("rejected", { reason: rejection });
    if (rejection === "duplicate") this.#duplicates.warnOnce();
    let found: FoundSession | undefined;
    for (const value of values) {
      const home = homes.open(value);
      const key = home.keyOf(value);
      const loaded = await home.records.load(key, new Deadline(services.deadline, services.clock));
      const isLive = loaded.status === "live";
      if (isLive || found === undefined) found = new FoundSession(home, key, loaded);
      if (isLive) break;
      this.#emitFailedLoad(loaded);
    }
    if (this.#options.takeOver !== undefined && found?.loaded.status !== "live")
      found = (await this.#takeOver(this.#options.takeOver, info)) ?? found;
    const home = found?.home ?? this.#options.takeOver?.newHome() ?? homes.open(undefined);
    const session = this.#make(new SessionOrigin(home, found, reading, info, cookie.sameSite));
    const fitting = this.#fit(session, onInvalid);
    if (fitting !== undefined) await fitting;
    if (areHeadersSent) session.noteHeadersSent();
    return session;
  }

  async #takeOver(takeOver: EarlierVisits, info: CookieInfo): Promise<FoundSession | undefined> {
    const { services } = this.#options;
    if (info.cookieHeader === undefined) return undefined;
    const found = await takeOver.open(info, new Deadline(services.deadline, services.clock));
    if (found !== undefined && found.loaded.status !== "live") this.#emitFailedLoad(found.loaded);
    return found;
  }

  #readCookie(header: string | undefined): CookieReading {
    return readCookie(header, this.#options.cookie.name, this.#accepts);
  }

  #emitFailedLoad(loaded: Exclude<LoadResult, { status: "live" }>): void {
    const { events } = this.#options.services;
    if (loaded.status === "undecodable") return events.emit("undecodable", { reason: loaded.reason });
    const reason = loaded.status === "absent" ? "unknown" : loaded.status;
    events.emit("rejected", { reason, session: events.nameOf(loaded.storageKey) });
  }

  #make(origin: SessionOrigin): Session<Data> {
    return new Session<Data>(new SessionState<Data>(this.#options.services, origin));
  }

  /** @returns `undefined` when there is nothing to wait for. */
  #fit(session: Session<Data>, onInvalid?: OnInvalid): Promise<void> | undefined {
    const { dataSchema } = this.#options;
    const rules = onInvalid === undefined ? dataSchema : { ...dataSchema, onInvalid };
    return applySchema(session.sessionData, session.record, rules);
  }
}

/** Warns once that browsers send several session cookies, and explains how to remove the others. */
class DuplicateCookies {
  readonly #cookie: CookieAttributes;
  #hasWarned = false;

  constructor(cookie: CookieAttributes) {
    this.#cookie = cookie;
  }

  warnOnce(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(
      `A request came with several cookies named "${this.#cookie.name}"; the first with a live session counts. If path or ` +
        "domain were changed, name the old ones in sessions.cookie.previous; if other hosts of the domain may set cookies, " +
        'take a name that begins with "__Host-".',
      { type: "SojournWarning", code: "SOJOURN_DUPLICATE_COOKIE" },
    );
  }
}
