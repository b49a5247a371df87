/** What Redis answers to the commands that Sojourn sends. */
export type RedisReply = string | number | null | readonly RedisReply[];

/** What a driver says of an error of its client library. */
export interface DriverFailure {
  /**
   * - `"refused"`: the command was never written, or the link could not be opened.
   * - `"reply"`: Redis answered with an error; the message of the cause is its reply.
   * - `"lost"`: the link broke; the command may have been executed.
   */
  readonly kind: "refused" | "reply" | "lost";
  readonly cause: unknown;
}

/**
 * One link to Redis through a client library: the small part of it that Sojourn needs.
 *
 * A driver neither reconnects nor retries nor limits time: {@link RedisConnection} does. Another library is another
 * file in `clients/`.
 */
export interface RedisDriver {
  /** Whether a command can be sent now. */
  readonly isReady: boolean;
  /** Whether the link is Sojourn's to close. It is not when the application handed in its own client. */
  readonly isOwned: boolean;
  /** Opens the link and shakes hands. Called once, before all else. */
  connect(): Promise<void>;
  /**
   * Sends a command.
   *
   * @param args The command's name and its arguments; texts are sent as UTF-8.
   * @param key The key that decides which node of a cluster is asked; `undefined` when any will do.
   */
  send(args: readonly string[], key: string | undefined): Promise<RedisReply>;
  /** Classifies an error that {@link connect} or {@link send} was rejected with. */
  explain(error: unknown): DriverFailure;
  /** Ends the link, or an attempt to open one, and rejects what is outstanding. May be called again. */
  destroy(): void;
}

/** Makes a driver that is not connected yet. It may load the client library, hence the promise. */
export type RedisDriverFactory = () => Promise<RedisDriver>;
