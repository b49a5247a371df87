/**
 * An engine that keeps nothing: each visitor's cookie carries the whole record. It stands in the settings
 * where a {@link SessionStoreFactory} does, but is no {@link SessionStore}: nothing can be looked up,
 * compared or deleted.
 */
export class SessionCarrier {
  /** The engine's name, as in `stores/<name>`. */
  readonly name = "cookie";
  /** Whether the application knows that parallel requests overwrite each other and logouts are not final. */
  readonly acceptsLostUpdates: boolean;

  constructor({ acceptsLostUpdates }: { readonly acceptsLostUpdates: boolean }) {
    this.acceptsLostUpdates = acceptsLostUpdates;
  }
}
