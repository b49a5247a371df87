/** An argument of a command: a text, which is sent as UTF-8, or bytes. */
export type RedisArgument = string | Buffer;

/** What Redis answers to the commands that Sojourn sends: with texts, or with bytes where they were asked for. */
export type RedisReply<Text = string> = Text | number | null | readonly RedisReply<Text>[];

/**
 * How the strings of a reply are read: as UTF-8, or not at all. Status replies such as `OK` are texts in any
 * case.
 */
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
  /** Whether a connection could not be opened: nothing was sent then, whatever the kind. @defaultValue `false` */
  readonly atOpening?: boolean;
}

/** Where an answer of a cluster sends a command instead. */
export interface Redirection {
  readonly node: string;
  /** Whether for this once (ASK), while the slot is on its way there. */
  readonly isAsking: boolean;
}

/** The name by which a driver of one server calls it. */
export const SOLE_NODE = "server";

/** The name of no node, which a driver of a cluster gives to a key that no node holds. */
export const NOWHERE = "";

/**
 * One link to Redis through a client library: the small part of it that Sojourn needs. It leads to one
 * server, or to the masters of a cluster; each is a node with a name that is the driver's affair.
 *
 * A driver neither sends a command twice nor limits its time, and does not reopen a lost link:
 * {@link RedisConnection} does. The connections to single nodes of a cluster are the driver's. Another
 * library is another file in `clients/`.
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
  /** The node that a key lies on; for `undefined`, any. When no node holds the key, it is {@link NOWHERE}. */
  nodeOf(key: RedisArgument | undefined): string;
  /**
   * Opens the connection to a node.
   *
   * @returns `undefined` when it is open, or when nothing is known of it before {@link send}.
   */
  open(node: string): Promise<void> | undefined;
  /**
   * Sends a command to a node that is {@link open}.
   *
   * @param args The command's name and its arguments.
   * @param node What {@link nodeOf} said of the key, one of {@link nodes}, or what {@link redirect} said.
   * @param key The key that it is about, which is followed when it has moved; `undefined` when the node is meant.
   * @param form How the strings of the reply are read.
   * @param recipient Receiver of the reply. A client that holds commands back does not send them after it is
   *   settled.
   */
  send(
    args: readonly RedisArgument[],
    node: string,
    key: RedisArgument | undefined,
    form: ReplyForm,
    recipient?: { readonly isSettled: boolean },
  ): Promise<RedisReply<string | Buffer>>;
  /** Called now and then while commands are outstanding, by drivers that have something to look after. */
  watch?(): void;
  /** Classifies an error that {@link connect}, {@link open} or {@link send} was rejected with. */
  explain(error: unknown): DriverFailure;
  /**
   * Where an error reply of a node (MOVED, ASK) sends a command.
   *
   * @returns `undefined` for other replies, and where the client library follows them itself.
   */
  redirect(reply: string, node: string): Redirection | undefined;
  /**
   * Heeds an error reply that says that the node is the wrong one now, such as `READONLY`. On a cluster, the
   * node may be connected again, and the others are asked for the slots.
   *
   * @param code The first word of the reply.
   * @returns Whether the link as a whole is still good.
   */
  distrust(node: string, code: string): boolean;
  /** Ends the connection to one node and rejects what is outstanding there. */
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
