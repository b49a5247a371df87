import { call } from "./callbacks.ts";
import type { RequestSession, SessionData, SessionRequest, SessionStoreLike } from "./types.ts";

/** Keeps the session of one request together with its record in the store. */
export interface SessionTracker {
  save(session: RequestSession): Promise<void>;
  reload(sid: string): Promise<void>;
  destroy(sid: string): Promise<void>;
  regenerate(sid: string): Promise<void>;
}

const TRACKERS = new WeakMap<SessionRequest, SessionTracker>();

/** Sets the tracker of a request. */
export function track(request: SessionRequest, tracker: SessionTracker): void {
  TRACKERS.set(request, tracker);
}

/** Returns the tracker of a request; without the middleware, one that asks the store alone. */
export function trackerOf(request: SessionRequest): SessionTracker {
  return TRACKERS.get(request) ?? new UntrackedSession(request);
}

/** The session of `Store.load()`, which has no request. */
class UntrackedSession implements SessionTracker {
  readonly #request: SessionRequest;

  constructor(request: SessionRequest) {
    this.#request = request;
  }

  async save(session: RequestSession): Promise<void> {
    await call((callback) => this.#store.set(session.id, session, callback));
  }

  async reload(sid: string): Promise<void> {
    const data = await call<SessionData>((callback) => this.#store.get(sid, callback));
    if (!data) throw new Error("failed to load session");
    this.#store.createSession(this.#request, data);
  }

  async destroy(sid: string): Promise<void> {
    await call((callback) => this.#store.destroy(sid, callback));
  }

  async regenerate(): Promise<void> {
    await call((callback) => this.#store.regenerate(this.#request, callback));
  }

  get #store(): SessionStoreLike {
    const { sessionStore } = this.#request;
    if (sessionStore) return sessionStore;
    throw new Error("This session has no store: req.sessionStore is not set.");
  }
}
