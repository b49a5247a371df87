import type { TLSSocket } from "node:tls";
import type { LRUCache } from "lru-cache";
import { Deadline } from "../../core/deadlines.ts";
import { SessionInterrupted } from "../../core/errors.ts";
import type { ResponseHook } from "../../adapters/node/response-hooks.ts";
import type { HeaderEdits, ResponseStart, SessionScope } from "../../session/http/request-contract.ts";
import { bounded } from "./bounded.ts";
import type { Cookie } from "./cookie.ts";
import { sign } from "../cookie-signature.ts";
import { mergeRecords } from "./merge-records.ts";
import { type RecordData, type SessionRecords, type StoredRecord, toRecordData } from "./session-records.ts";
import { createSession, Store } from "./store.ts";
import type { SessionTracker } from "./trackers.ts";
import type { RequestSession, SessionData, SessionRequest, SessionStoreLike } from "./types.ts";

/** Parts that all requests of one middleware share. */
export interface SharedParts {
  readonly store: SessionStoreLike;
  readonly records: SessionRecords;
  readonly name: string;
  readonly proxy: boolean | undefined;
  readonly resave: boolean;
  readonly rolling: boolean;
  readonly saveUninitialized: boolean;
  readonly unset: "destroy" | "keep";
  readonly deadline: number;
  /** Id -> when this process has extended the session, in milliseconds. */
  readonly touches: LRUCache<string, number>;
}

/** A session as it was last read or written: what its object stood for, and the record. */
interface Base {
  readonly sid: string;
  readonly data: RecordData;
  readonly stored: StoredRecord;
}

const NO_COOKIES: HeaderEdits = { setCookie: [], varyCookie: false };

/** The session of one request: its record, whether it was changed, and its cookie. */
export class TrackedSession implements SessionTracker, SessionScope, ResponseHook {
  readonly isUsed = true;
  readonly scope: SessionScope = this;
  readonly #request: SessionRequest;
  readonly #next: (error?: unknown) => void;
  readonly #shared: SharedParts;
  readonly #secrets: readonly string[];
  /** Id that the cookie had. */
  readonly #cookieId: string | undefined;
  #originalId: string | undefined;
  #originalText = "";
  /** The session as it is known to be in the store. */
  #saved: { readonly sid: string; readonly text: string } | undefined;
  #base: Base | undefined;
  /** The request came with the id of a session that has got another one a moment ago. */
  #isLate = false;
  /** The session is not saved: an error response takes the place of this one. */
  #hasFailed = false;
  #hasTouched = false;
  #hasExtended = false;

  constructor(
    request: SessionRequest,
    next: (error?: unknown) => void,
    shared: SharedParts,
    secrets: readonly string[],
  ) {
    this.#request = request;
    this.#next = next;
    this.#shared = shared;
    this.#secrets = secrets;
    this.#cookieId = request.sessionID;
  }

  /** Puts a new session on the request. */
  begin(): void {
    this.#shared.store.generate?.(this.#request);
    this.#note(this.#request.session);
  }

  /** Puts the session of the cookie on the request, or a new one. */
  async load(): Promise<void> {
    const sid = this.#cookieId ?? "";
    const stored = await this.#bounded("read", () => this.#shared.records.read(sid));
    if (!stored) {
      this.#isLate = await this.#bounded("read", () => this.#shared.records.isReplaced(sid));
      return this.begin();
    }
    this.#adopt(sid, stored);
    this.#note(this.#request.session);
    if (!this.#shared.resave) this.#saved = { sid, text: this.#originalText };
  }

  async save(session: RequestSession): Promise<void> {
    const text = textOf(session);
    const data = toRecordData(session);
    const base = this.#base?.sid === session.id ? this.#base : undefined;
    const make = (stored: StoredRecord | undefined): SessionData => {
      const isNewest =
        stored === undefined || (stored.text === base?.stored.text && stored.data === base.data);
      return isNewest ? session : revive(mergeRecords(base?.data ?? {}, data, stored.data), session.cookie);
    };
    const deadline = new Deadline(this.#shared.deadline);
    const written = await this.#bounded("save", () =>
      this.#shared.records.write(session.id, base?.stored, make, deadline),
    );
    if (written === "gone") {
      // Nothing is lost of a session that is only stored again.
      if (base !== undefined && text === this.#originalText) return;
      throw new SessionInterrupted();
    }
    this.#saved = { sid: session.id, text };
    this.#base = written === "ended" ? undefined : { sid: session.id, data, stored: written };
    this.#shared.touches.set(session.id, performance.now());
  }

  async reload(sid: string): Promise<void> {
    const stored = await this.#bounded("read", () => this.#shared.records.read(sid));
    if (!stored) throw new Error("failed to load session");
    this.#adopt(sid, stored);
  }

  async destroy(sid: string): Promise<void> {
    this.#shared.touches.delete(sid);
    await this.#bounded("end", () => this.#shared.records.destroy(sid));
  }

  async regenerate(sid: string): Promise<void> {
    try {
      if (this.#base?.sid === sid)
        await this.#bounded("replace", () => this.#shared.records.noteReplaced(sid));
      await this.destroy(sid);
    } finally {
      this.#isLate = false;
      this.#shared.store.generate?.(this.#request);
    }
  }

  finish(start: ResponseStart): Promise<void> | undefined {
    this.#hasFailed = true;
    const finishing = this.#finish(start);
    if (finishing === undefined) {
      this.#hasFailed = false;
      return undefined;
    }
    return finishing.then(() => void (this.#hasFailed = false));
  }

  #finish({ headersSent }: ResponseStart): Promise<void> | undefined {
    const { session, sessionID } = this.#request;
    const { unset, store } = this.#shared;
    if (session === undefined || session === null) {
      const isEnded = unset === "destroy" && sessionID !== undefined && !headersSent;
      return isEnded ? this.destroy(sessionID) : undefined;
    }
    if (!this.#hasTouched) session.touch();
    this.#hasTouched = true;
    if (this.#isLate) return hasContent(session) ? interrupt() : undefined;
    if (this.#mustSave(session)) return this.save(session);
    const isKnown = this.#cookieId === sessionID && store.touch !== undefined;
    return isKnown && !this.#hasExtended ? this.#extend(session) : undefined;
  }

  headers(): HeaderEdits {
    const { session, sessionID } = this.#request;
    if (!session || typeof sessionID !== "string" || this.#isLate) return NO_COOKIES;
    if (this.#hasFailed || !this.#mustSetCookie(session)) return NO_COOKIES;
    if (session.cookie.secure && !isSecure(this.#request, this.#shared.proxy)) return NO_COOKIES;
    const value = `s:${sign(sessionID, this.#secrets[0] ?? "")}`;
    return { setCookie: [session.cookie.serialize(this.#shared.name, value)], varyCookie: false };
  }

  onError(error: unknown): void {
    // Express keeps the `next` of the current router in `req.next`.
    const next = (this.#request as { next?: (error: unknown) => void }).next ?? this.#next;
    next(error);
  }

  #adopt(sid: string, stored: StoredRecord): void {
    const { store } = this.#shared;
    const data = structuredClone(stored.data) as SessionData;
    if (store instanceof Store) store.createSession(this.#request, data);
    else createSession(this.#request, data);
    this.#base = { sid, data: stored.data, stored };
  }

  #note(session: RequestSession | null | undefined): void {
    this.#originalId = this.#request.sessionID;
    this.#originalText = session ? textOf(session) : "";
  }

  #isModified(session: RequestSession): boolean {
    return this.#originalId !== session.id || this.#originalText !== textOf(session);
  }

  #isSaved(session: RequestSession): boolean {
    return this.#saved?.sid === session.id && this.#saved.text === textOf(session);
  }

  #mustSave(session: RequestSession): boolean {
    if (typeof this.#request.sessionID !== "string") return false;
    const isNew = this.#saved === undefined && this.#cookieId !== this.#request.sessionID;
    return isNew && !this.#shared.saveUninitialized ? this.#isModified(session) : !this.#isSaved(session);
  }

  #mustSetCookie(session: RequestSession): boolean {
    const { saveUninitialized, rolling } = this.#shared;
    if (this.#cookieId !== this.#request.sessionID) return saveUninitialized || this.#isModified(session);
    return rolling || (session.cookie.expires instanceof Date && this.#isModified(session));
  }

  /** Extends the life of the record, unless this process has done so recently. */
  #extend(session: RequestSession): Promise<void> | undefined {
    this.#hasExtended = true;
    const { records, touches } = this.#shared;
    const age = session.cookie.originalMaxAge ?? Number.POSITIVE_INFINITY;
    const [now, last] = [performance.now(), touches.get(session.id) ?? Number.NEGATIVE_INFINITY];
    if (now - last < Math.min(records.touchEvery, age / 4)) return undefined;
    touches.set(session.id, now);
    return this.#bounded("extend", () => records.touch(session.id, session)).catch((error: unknown) => {
      touches.delete(session.id);
      process.emitWarning(error as Error);
    });
  }

  #bounded<Result>(act: string, run: () => Promise<Result>): Promise<Result> {
    return bounded(act, run(), this.#shared.deadline);
  }
}

/** Returns whether a new session has data: more than the empty object that connect-flash makes. */
function hasContent(session: RequestSession): boolean {
  const { cookie: _cookie, ...data } = toRecordData(session);
  return Object.values(data).some((value) => JSON.stringify(value) !== "{}");
}

async function interrupt(): Promise<never> {
  throw new SessionInterrupted();
}

/** Returns the data of a session, for comparison. */
function textOf(session: RequestSession): string {
  return JSON.stringify(session, function (this: unknown, name: string, value: unknown) {
    return this === session && name === "cookie" ? undefined : value;
  });
}

function revive(data: RecordData, cookie: Cookie): SessionData {
  return { ...data, cookie };
}

/** Returns whether a request came over TLS, from sources that the application trusts. */
export function isSecure(request: SessionRequest, proxy: boolean | undefined): boolean {
  if ((request.socket as Partial<TLSSocket> | undefined)?.encrypted) return true;
  if (proxy === false) return false;
  if (proxy !== true) return request.secure === true;
  const [first = ""] = String(request.headers["x-forwarded-proto"] ?? "").split(",");
  return first.trim().toLowerCase() === "https";
}
