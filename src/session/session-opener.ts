import { Deadline } from "../core/deadlines.ts";
import { InsecureRequestError } from "../core/errors.ts";
import { isSessionKey, type SessionKey } from "../core/ids.ts";
import { isShortEnough } from "./in-cookie/carried-codec.ts";
import type { CookieCarrier } from "./in-cookie/cookie-carrier.ts";
import { type CookieAttributes, type CookieReading, readCookie } from "./http/cookie.ts";
import { applySchema, type DataSchema, type OnInvalid } from "./data/data-schema.ts";
import type { PlainHttp } from "./http/plain-http.ts";
import type { RequestFacts } from "./http/request-contract.ts";
import type { LoadResult } from "./stored/session-records.ts";
import type { SessionServices } from "./session-services.ts";
import { type SessionOrigin, SessionState } from "./session-state.ts";
import { Session } from "./session.ts";

/** The origin of a session that belongs to no request. */
const NO_ORIGIN: SessionOrigin = {
  hasCookie: false,
  hasDuplicates: false,
  userAgent: undefined,
  presentedKeys: [],
  stored: undefined,
  isRenewed: false,
  hasDeparted: false,
};

/** Result of looking up a cookie's value. */
interface FoundSession {
  readonly services: SessionServices;
  readonly key: SessionKey;
  readonly loaded: LoadResult;
}

/** Dependencies of {@link SessionOpener}. */
export interface SessionOpenerOptions {
  readonly services: SessionServices;
  /** Set if the cookies carry the records themselves. */
  readonly carrier: CookieCarrier | undefined;
  readonly cookie: CookieAttributes;
  readonly plainHttp: PlainHttp;
  readonly dataSchema: DataSchema;
}

/** Finds the session of a request, or begins one. */
export class SessionOpener<Data extends object> {
  readonly #services: SessionServices;
  readonly #carrier: CookieCarrier | undefined;
  readonly #cookie: CookieAttributes;
  readonly #plainHttp: PlainHttp;
  readonly #dataSchema: DataSchema;
  readonly #duplicates: DuplicateCookies;

  constructor({ services, carrier, cookie, plainHttp, dataSchema }: SessionOpenerOptions) {
    this.#services = services;
    this.#carrier = carrier;
    this.#cookie = cookie;
    this.#plainHttp = plainHttp;
    this.#dataSchema = dataSchema;
    this.#duplicates = new DuplicateCookies(cookie);
  }

  /** Makes a session that belongs to no request. */
  begin(): Promise<Session<Data>> {
    return this.#session(this.#servicesOf(undefined).services, NO_ORIGIN);
  }

  /** Loads the session of a request. */
  async openFor(facts: RequestFacts, onInvalid: OnInvalid | undefined): Promise<Session<Data>> {
    if (this.#plainHttp.isRefused(facts)) this.#refuse(facts);
    // Read before loading: the response waits during the load.
    const areHeadersSent = facts.areHeadersSent?.() ?? false;
    const session = await this.open(facts, onInvalid);
    if (areHeadersSent) session.noteHeadersSent();
    return session;
  }

  #refuse({ cookieHeader }: RequestFacts): never {
    if (this.#readCookie(cookieHeader).isPresent)
      this.#services.events.emit("rejected", { reason: "insecure" });
    throw new InsecureRequestError();
  }

  /** Loads the session of a Cookie header. */
  async open(
    facts: Pick<RequestFacts, "cookieHeader" | "userAgent" | "mayBeginSession">,
    onInvalid?: OnInvalid,
  ): Promise<Session<Data>> {
    const { cookieHeader, userAgent } = facts;
    const { isPresent, values, rejection } = this.#readCookie(cookieHeader);
    if (rejection) this.#services.events.emit("rejected", { reason: rejection });
    if (rejection === "duplicate") this.#duplicates.warnOnce();
    const hasDuplicates = rejection === "duplicate";
    const found = await this.#find(values);
    const { services, key, loaded } = found ?? { services: this.#servicesOf(undefined).services };
    const stored = loaded?.status === "live" ? loaded.stored : undefined;
    const origin: SessionOrigin = {
      hasCookie: isPresent,
      hasDuplicates,
      userAgent,
      mayBegin: () => facts.mayBeginSession?.(this.#cookie.sameSite) ?? true,
      presentedKeys:
        key === undefined ? [] : [key, ...values.filter((value) => value !== key && !this.#carrier)],
      stored,
      isRenewed: stored !== undefined && stored.key !== key,
      hasDeparted: loaded?.status === "moved",
    };
    return this.#session(services, origin, onInvalid);
  }

  /** Looks up the session of each value in turn. @returns The first live one, else the first. */
  async #find(values: readonly string[]): Promise<FoundSession | undefined> {
    let first: FoundSession | undefined;
    for (const value of values) {
      const { services, key } = this.#servicesOf(value);
      const loaded = await services.records.load(
        key,
        new Deadline(this.#services.deadline, this.#services.clock),
      );
      this.#emitFailedLoad(loaded);
      if (loaded.status === "live") return { services, key, loaded };
      first ??= { services, key, loaded };
    }
    return first;
  }

  #servicesOf(value: string | undefined): { readonly services: SessionServices; readonly key: SessionKey } {
    return this.#carrier?.begin(value) ?? { services: this.#services, key: value ?? "" };
  }

  #readCookie(header: string | undefined): CookieReading {
    return readCookie(header, this.#cookie.name, this.#carrier ? isShortEnough : isSessionKey);
  }

  #emitFailedLoad(loaded: LoadResult): void {
    const { events } = this.#services;
    if (loaded.status === "undecodable") events.emit("undecodable", { reason: loaded.reason });
    if (loaded.status === "live" || loaded.status === "undecodable") return;
    const reason = loaded.status === "absent" ? "unknown" : loaded.status;
    events.emit("rejected", { reason, session: events.nameOf(loaded.storageKey) });
  }

  async #session(
    services: SessionServices,
    origin: SessionOrigin,
    onInvalid: OnInvalid = this.#dataSchema.onInvalid,
  ): Promise<Session<Data>> {
    const session = new Session<Data>(new SessionState<Data>(services, origin));
    await applySchema(session.sessionData, session.record, { ...this.#dataSchema, onInvalid });
    return session;
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
