/** An argument of a command: a text, which is sent as UTF-8, or bytes. */
export type RedisArgument = string | Buffer;

/** What Redis answers to the commands that Sojourn sends: with texts, or with bytes where they were asked for. */
export type RedisReply<Text = string> = Text | number | null | readonly RedisReply<Text>[];

/** How the strings of a reply are read: as UTF-8, or not at all. Status replies such as `OK` are texts in any case. */
export type ReplyForm = "text" | "bytes";

/** What a string of a reply is in a form. */
export type ReplyString<Form extends ReplyForm> = Form extends "bytes" ? string | Buffer : string;

/** What a driver says of an error of its client library. */
export interface DriverFailure {
  /**
   * - `"refused"`: the command was never written, or the link could not be opened.
   * - `"full"`: the client has too many commands under way, and did not take this one.
   * - `"reply"`: Redis answered with an error; the message of the cause is its reply.
   * - `"lost"`: the link broke; the command may have been executed.
   */
  readonly kind: "refused" | "full" | "reply" | "lost";
  readonly cause: unknown;
}

/** The name by which a driver of one server calls it. */
export const SOLE_NODE = "server";

/**
 * One link to Redis through a client library: the small part of it that Sojourn needs. It leads to one server, or to
 * the masters of a cluster; each is a node with a name that is the driver's affair.
 *
 * A driver neither retries nor limits time, and does not reopen a lost link: {@link RedisConnection} does. The
 * connections to single nodes of a cluster are the client library's, and so is following a key to another node.
 * Another library is another file in `clients/`.
 */
export interface RedisDriver {
  /** Whether commands can be sent now. On a cluster, to some node at least. */
  readonly isReady: boolean;
  /** Whether the link is Sojourn's to close. It is not when the application handed in its own client. */
  readonly isOwned: boolean;
  /** The nodes that hold the keys: `[SOLE_NODE]`, or the masters of a cluster as they are known now. */
  readonly nodes: readonly string[];
  /** Opens the link and shakes hands. Called once, before all else. */
  connect(): Promise<void>;
  /** The node that a key lies on; for `undefined`, any. It answers a name also when no node holds the key. */
  nodeOf(key: string | undefined): string;
  /**
   * Sends a command.
   *
   * @param args The command's name and its arguments.
   * @param node What {@link nodeOf} said of the key, or one of {@link nodes}.
   * @param key The key that it is about, which is followed when it has moved; `undefined` when the node is meant.
   * @param form How the strings of the reply are read.
   */
  send(
    args: readonly RedisArgument[],
    node: string,
    key: string | undefined,
    form: ReplyForm,
  ): Promise<RedisReply<string | Buffer>>;
  /** Classifies an error that {@link connect} or {@link send} was rejected with. */
  explain(error: unknown): DriverFailure;
  /** Ends the connection to one node and rejects what is outstanding there. The link is not used for more then. */
  sever(node: string): void;
  /** Ends the link, or an attempt to open one, and rejects what is outstanding. May be called again. */
  destroy(): void;
}

/** Makes a driver that is not connected yet. It may load the client library, hence the promise. */
export interface RedisDriverFactory {
  (): Promise<RedisDriver>;
  /** Loads the client library beforehand: on a busy machine that takes as long as a command may take. */
  readonly load?: () => Promise<void>;
}
