import type { Cookie } from "./cookie.ts";
import { answer } from "./callbacks.ts";
import { trackerOf } from "./trackers.ts";
import type { Callback, RequestSession, SessionRequest } from "./types.ts";

/**
 * The session of a request, as `req.session`. Its own members are the data; what JSON cannot hold
 * is written as `JSON.stringify` does it.
 */
export class Session implements RequestSession {
  declare readonly req: SessionRequest;
  declare readonly id: string;
  declare cookie: Cookie;
  [key: string]: unknown;

  constructor(request: SessionRequest, data?: object | null) {
    Object.defineProperty(this, "req", { value: request });
    Object.defineProperty(this, "id", { value: request.sessionID });
    for (const [name, value] of Object.entries(data ?? {}))
      if (!(name in this))
        Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true });
  }

  /** Sets the cookie's lifetime back. The response does it by itself. */
  touch(): this {
    return this.resetMaxAge();
  }

  resetMaxAge(): this {
    this.cookie.maxAge = this.cookie.originalMaxAge;
    return this;
  }

  /**
   * Stores the session now, merged with what other requests have changed since it was read.
   *
   * @returns A promise, if there is no callback.
   */
  save(): Promise<void>;
  save(callback: Callback | undefined): this;
  save(callback?: Callback): this | Promise<void> {
    return this.#settle(trackerOf(this.req).save(this), callback);
  }

  /**
   * Reads the session again, and puts a new object on the request.
   *
   * @returns A promise, if there is no callback.
   */
  reload(): Promise<void>;
  reload(callback: Callback | undefined): this;
  reload(callback?: Callback): this | Promise<void> {
    return this.#settle(trackerOf(this.req).reload(this.id), callback);
  }

  /**
   * Deletes the session, and takes it from the request.
   *
   * @returns A promise, if there is no callback.
   */
  destroy(): Promise<void>;
  destroy(callback: Callback | undefined): this;
  destroy(callback?: Callback): this | Promise<void> {
    const tracker = trackerOf(this.req);
    delete this.req.session;
    return this.#settle(tracker.destroy(this.id), callback);
  }

  /**
   * Deletes the session, and puts a new one with another id on the request.
   *
   * @returns A promise, if there is no callback.
   */
  regenerate(): Promise<void>;
  regenerate(callback: Callback | undefined): this;
  regenerate(callback?: Callback): this | Promise<void> {
    return this.#settle(trackerOf(this.req).regenerate(this.id), callback);
  }

  #settle(acting: Promise<void>, callback: Callback | undefined): this | Promise<void> {
    if (callback) {
      answer(acting, callback);
      return this;
    }
    // As in express-session, a call that nobody waits for may fail.
    acting.catch(() => {});
    return acting;
  }
}

// As in express-session, whose methods applications have seen to be hidden from loops.
for (const name of ["touch", "resetMaxAge", "save", "reload", "destroy", "regenerate"])
  Object.defineProperty(Session.prototype, name, { enumerable: false });
