/**
 * An engine without storage: each visitor's cookie carries the whole record. It is given in the
 * settings in place of a {@link SessionStoreFactory}, but is not a {@link SessionStore}: nothing
 * can be looked up, compared or deleted.
 */
export class CookieSessionStore {
  /** The engine's name, as in `stores/<name>`. */
  readonly name = "cookie";
  /** Whether the application accepts lost updates and logouts that are not final. */
  readonly acceptsLostUpdates: boolean;

  constructor({ acceptsLostUpdates }: { readonly acceptsLostUpdates: boolean }) {
    this.acceptsLostUpdates = acceptsLostUpdates;
  }
}
