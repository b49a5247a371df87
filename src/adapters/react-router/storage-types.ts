import type { Session } from "../../session/session.ts";

/** Data of a session with its flashed values, as React Router has it. */
export type FlashSessionData<Data, FlashData> = Partial<
  Data & { [Key in keyof FlashData as `__flash_${Key & string}__`]: FlashData[Key] }
>;

/** The members of React Router's `Session`. */
export interface ReactRouterPlainSession<Data, FlashData = Data> {
  readonly id: string;
  readonly data: FlashSessionData<Data, FlashData>;
  has(name: (keyof Data | keyof FlashData) & string): boolean;
  get<Key extends (keyof Data | keyof FlashData) & string>(
    name: Key,
  ):
    | (Key extends keyof Data ? Data[Key] : undefined)
    | (Key extends keyof FlashData ? FlashData[Key] : undefined)
    | undefined;
  set<Key extends keyof Data & string>(name: Key, value: Data[Key]): void;
  flash<Key extends keyof FlashData & string>(name: Key, value: FlashData[Key]): void;
  unset(name: keyof Data & string): void;
}

/**
 * A session of {@link ReactRouterSessionStorage}. Its `id` is the public name of the session
 * (`session.ref`), not its key; empty while it is not stored. Its `data` is a copy.
 */
export interface ReactRouterSession<Data extends object, FlashData = Data> extends ReactRouterPlainSession<
  Data,
  FlashData
> {
  /** The session itself, for `login`, `logout`, `cycleKey` and `update`. */
  readonly sojourn: Session<Data>;
}

/** Options of `reactRouterSessionStorage`. */
export interface ReactRouterSessionStorageOptions {
  /**
   * Whether requests come over TLS, where `sessions.cookie.secure` is `"auto"`.
   *
   * @defaultValue `true`
   */
  readonly isSecure?: boolean;
}

/** Options of `commitSession`. Other attributes of the cookie are settings. */
export interface ReactRouterCommitOptions {
  /** Life of the session without a request, and of its cookie, in whole seconds above 0. */
  readonly maxAge?: number | undefined;
  /** End of the session and of its cookie. `maxAge` comes first, as in browsers (RFC 6265 section 5.3). */
  readonly expires?: Date | undefined;
}

/** React Router's `SessionStorage`, on Sojourn. */
export interface ReactRouterSessionStorage<Data extends object, FlashData = Data> {
  /**
   * Loads the session of a Cookie header. Two calls load two sessions: call it once in a request.
   *
   * @throws {SessionUsageError} For anything but a text, `null` or `undefined`.
   */
  readonly getSession: (cookieHeader?: string | null) => Promise<ReactRouterSession<Data, FlashData>>;
  /**
   * Saves the changes of a session, merged with those of other requests, or extends a session
   * without changes. To be called once, at the end.
   *
   * @returns The Set-Cookie header; an empty text, which browsers ignore, where the browser's cookie
   *   is right as it is.
   * @throws {SessionInterrupted} When the session was ended or given a new key meanwhile.
   * @throws {SessionUsageError} For a session of another storage, and for other options.
   */
  readonly commitSession: (
    session: ReactRouterPlainSession<Data, FlashData>,
    options?: ReactRouterCommitOptions,
  ) => Promise<string>;
  /**
   * Ends a session, as `logout()`: it is dead once this returns, in all processes.
   *
   * @returns The Set-Cookie header that clears the cookie, with the attributes of the settings; an
   *   empty text where there is none.
   * @throws {SessionUsageError} For a session of another storage.
   */
  readonly destroySession: (session: ReactRouterPlainSession<Data, FlashData>) => Promise<string>;
}
