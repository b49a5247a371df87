import { EventEmitter } from "node:events";
import { Cookie } from "./cookie.ts";
import { Session } from "./session.ts";
import type {
  RequestSession,
  ResultCallback,
  SessionData,
  SessionRequest,
  SessionStoreLike,
} from "./types.ts";

/** Base of the stores of express-session: a subclass adds `get`, `set` and `destroy`. */
export interface Store extends EventEmitter, Omit<SessionStoreLike, "on" | "generate"> {
  /** Set by the middleware. */
  generate(request: SessionRequest): void;
  /** Reads a session without a request. */
  load(sid: string, callback: ResultCallback<RequestSession>): void;
}

/** Constructor of {@link Store}, with which `class` and `util.inherits` both make subclasses. */
export interface StoreConstructor {
  new (): EventEmitter & Pick<Store, "generate" | "regenerate" | "load" | "createSession">;
  readonly prototype: Store;
}

// A function, not a class: stores of old call it without `new`, as `Store.call(this)`.
function StoreBase(this: EventEmitter): void {
  Reflect.apply(EventEmitter, this, []);
}

const METHODS: ThisType<Store> & Pick<Store, "regenerate" | "load" | "createSession"> = {
  regenerate(request, callback) {
    this.destroy(request.sessionID ?? "", (error) => {
      this.generate(request);
      callback(error);
    });
  },

  load(sid, callback) {
    this.get(sid, (error, data) => {
      if (error || !data) return callback(error);
      const request = { sessionID: sid, sessionStore: this } as unknown as SessionRequest;
      return callback(null, this.createSession(request, data));
    });
  },

  createSession(request, data) {
    return createSession(request, data);
  },
};

Object.setPrototypeOf(StoreBase.prototype, EventEmitter.prototype);
Object.assign(StoreBase.prototype as object, METHODS);

export const Store: StoreConstructor = StoreBase as unknown as StoreConstructor;

/** {@link Store.createSession}, also for stores that are made on another base. */
export function createSession(request: SessionRequest, data: SessionData): RequestSession {
  const expires = data.cookie.expires as Date | string | null | undefined;
  const { originalMaxAge } = data.cookie;
  data.cookie = new Cookie(data.cookie);
  if (typeof expires === "string") data.cookie.expires = new Date(expires);
  data.cookie.originalMaxAge = originalMaxAge;
  const session = new Session(request, data);
  request.session = session;
  return session;
}
