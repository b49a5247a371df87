import { Deadline } from "../core/deadlines.ts";
import { InsecureRequestError } from "../core/errors.ts";
import type { SessionKey } from "../core/ids.ts";
import { type CookieAttributes, type CookieReading, readCookie } from "./http/cookie.ts";
import { applySchema, type DataSchema, type OnInvalid } from "./data/data-schema.ts";
import type { PlainHttp } from "./http/plain-http.ts";
import type { RequestInfo } from "./http/request-contract.ts";
import type { LoadResult } from "./stored/session-records.ts";
import type { SessionHome, SessionHomes } from "./session-home.ts";
import type { SessionServices } from "./session-services.ts";
import { type SessionOrigin, SessionState } from "./session-state.ts";
import { Session } from "./session.ts";

/** Result of looking up a cookie's value. */
interface FoundSession {
  readonly home: SessionHome;
  readonly key: SessionKey;
  readonly loaded: LoadResult;
}

/** Dependencies of {@link SessionOpener}. */
export interface SessionOpenerOptions {
  readonly services: SessionServices;
  readonly homes: SessionHomes;
  readonly cookie: CookieAttributes;
  readonly plainHttp: PlainHttp;
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
  begin(): Promise<Session<Data>> {
    return this.#session({
      home: this.#options.homes.open(undefined),
      hasCookie: false,
      hasDuplicates: false,
      userAgent: undefined,
      presentedKeys: [],
      stored: undefined,
      isRenewed: false,
      hasDeparted: false,
      mayBegin: undefined,
    });
  }

  /** Loads the session of a request. */
  async openFor(info: RequestInfo, onInvalid: OnInvalid | undefined): Promise<Session<Data>> {
    if (this.#options.plainHttp.isRefused(info)) this.#refuse(info);
    // Read before loading: the response waits during the load.
    const areHeadersSent = info.areHeadersSent?.() ?? false;
    const session = await this.open(info, onInvalid);
    if (areHeadersSent) session.noteHeadersSent();
    return session;
  }

  #refuse({ cookieHeader }: RequestInfo): never {
    if (this.#readCookie(cookieHeader).isPresent)
      this.#options.services.events.emit("rejected", { reason: "insecure" });
    throw new InsecureRequestError();
  }

  /** Loads the session of a Cookie header. */
  async open(
    info: Pick<RequestInfo, "cookieHeader" | "userAgent" | "mayBeginSession">,
    onInvalid?: OnInvalid,
  ): Promise<Session<Data>> {
    const { homes, services, cookie } = this.#options;
    const { isPresent, values, rejection } = this.#readCookie(info.cookieHeader);
    if (rejection) services.events.emit("rejected", { reason: rejection });
    if (rejection === "duplicate") this.#duplicates.warnOnce();
    const found = await this.#find(values);
    const stored = found?.loaded.status === "live" ? found.loaded.stored : undefined;
    const origin: SessionOrigin = {
      home: found?.home ?? homes.open(undefined),
      hasCookie: isPresent,
      hasDuplicates: rejection === "duplicate",
      userAgent: info.userAgent,
      presentedKeys: found === undefined ? [] : presentedKeys(found, values),
      stored,
      isRenewed: stored !== undefined && stored.key !== found?.key,
      hasDeparted: found?.loaded.status === "moved",
      mayBegin: () => info.mayBeginSession?.(cookie.sameSite) ?? true,
    };
    return this.#session(origin, onInvalid);
  }

  /** Looks up the session of each value in turn. @returns The first live one, else the first. */
  async #find(values: readonly string[]): Promise<FoundSession | undefined> {
    const { homes, services } = this.#options;
    let first: FoundSession | undefined;
    for (const value of values) {
      const home = homes.open(value);
      const key = home.keyOf(value);
      const loaded = await home.records.load(key, new Deadline(services.deadline, services.clock));
      if (loaded.status === "live") return { home, key, loaded };
      this.#emitFailedLoad(loaded);
      first ??= { home, key, loaded };
    }
    return first;
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

  async #session(
    origin: SessionOrigin,
    onInvalid: OnInvalid = this.#options.dataSchema.onInvalid,
  ): Promise<Session<Data>> {
    const session = new Session<Data>(new SessionState<Data>(this.#options.services, origin));
    await applySchema(session.sessionData, session.record, { ...this.#options.dataSchema, onInvalid });
    return session;
  }
}

/** Returns the keys of all cookies, the session's own first. */
function presentedKeys({ home, key }: FoundSession, values: readonly string[]): readonly SessionKey[] {
  const others = values.map((value) => home.keyOf(value)).filter((each) => each !== key);
  return [key, ...new Set(others)];
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
