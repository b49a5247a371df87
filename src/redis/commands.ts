/** An argument of a command: a text, which is sent as UTF-8, or bytes. */
export type RedisArgument = string | Buffer;

/** Reply of Redis to the commands that Sojourn sends: with texts, or with bytes on request. */
export type RedisReply<Text = string> = Text | number | null | readonly RedisReply<Text>[];

/**
 * Form in which the strings of a reply are read: as UTF-8, or as bytes. Status replies such as `OK`
 * are always texts.
 */
export type ReplyForm = "text" | "bytes";

/** Type of a reply's strings in a form. */
export type ReplyString<Form extends ReplyForm> = Form extends "bytes" ? string | Buffer : string;

/** A driver's classification of an error of its client library. */
export interface DriverFailure {
  /**
   * - `"refused"`: the command was never written, or the link could not be opened.
   * - `"full"`: the client has too many commands under way, and did not take this one.
   * - `"reply"`: Redis answered with an error; the message of the cause is its reply.
   * - `"lost"`: the link broke; the command may have been executed.
   */
  readonly kind: "refused" | "full" | "reply" | "lost";
  readonly cause: unknown;
  /**
   * Whether a connection could not be opened: nothing was sent then, whatever the kind.
   *
   * @defaultValue `false`
   */
  readonly atOpening?: boolean;
}

/** Node to which a reply of a cluster redirects a command. */
export interface Redirection {
  readonly node: string;
  /** Whether it holds for this command only (ASK), while the slot is being migrated. */
  readonly isAsking: boolean;
}

/** Name of the node of a single-server driver. */
export const SOLE_NODE = "server";

/** Name of no node, which a driver of a cluster returns for a key that no node holds. */
export const NOWHERE = "";

/**
 * One link to Redis through a client library: the small part of it that Sojourn needs. It leads to
 * one server, or to the masters of a cluster; each is a node, named by the driver.
 *
 * A driver does not send a command twice, limit its time or reopen a lost link:
 * {@link RedisConnection} does. The connections to single nodes of a cluster are the driver's.
 * Another library is another file in `clients/`.
 */
export interface RedisDriver {
  /** Whether commands can be sent now. On a cluster, to at least one node. */
  readonly isReady: boolean;
  /** Whether Sojourn closes the link. It does not if the application handed in its own client. */
  readonly isOwned: boolean;
  /** Nodes that hold the keys: `[SOLE_NODE]`, or the currently known masters of a cluster. */
  readonly nodes: readonly string[];
  /** Opens the link and shakes hands. Called once, before all else. */
  connect(): Promise<void>;
  /**
   * Returns the node that holds a key; for `undefined`, any. If no node holds the key, it is
   * {@link NOWHERE}.
   */
  nodeOf(key: RedisArgument | undefined): string;
  /**
   * Opens the connection to a node.
   *
   * @returns `undefined` if it is open, or if nothing is known of it before {@link send}.
   */
  open(node: string): Promise<void> | undefined;
  /**
   * Sends a command to a node that is {@link open}.
   *
   * @param args The command's name and its arguments.
   * @param node A node of {@link nodeOf}, {@link nodes} or {@link redirect}.
   * @param key Key of the command, which is followed if it has moved; `undefined` if the node is
   * meant.
   * @param form Form in which the strings of the reply are read.
   * @param recipient Receiver of the reply. A client that holds commands back does not send them
   * after it is settled.
   */
  send(
    args: readonly RedisArgument[],
    node: string,
    key: RedisArgument | undefined,
    form: ReplyForm,
    recipient?: { readonly isSettled: boolean },
  ): Promise<RedisReply<string | Buffer>>;
  /** Called now and then while commands are outstanding, for drivers that need regular checks. */
  watch?(): void;
  /** Classifies an error with which {@link connect}, {@link open} or {@link send} was rejected. */
  explain(error: unknown): DriverFailure;
  /**
   * Reads the redirection from an error reply of a node (MOVED, ASK).
   *
   * @returns `undefined` for other replies, and if the client library follows them itself.
   */
  redirect(reply: string, node: string): Redirection | undefined;
  /**
   * Handles an error reply that says that the node is now the wrong one, such as `READONLY`. On a
   * cluster, the node may be reconnected, and the others are asked for the slots.
   *
   * @param code The first word of the reply.
   * @returns Whether the link as a whole is still good.
   */
  distrust(node: string, code: string): boolean;
  /** Ends the connection to one node and rejects its outstanding commands. */
  sever(node: string): void;
  /** Ends the link, or an attempt to open one, and rejects outstanding commands. Repeatable. */
  destroy(): void;
}

/** Makes a driver that is not connected yet. It may load the client library, hence the promise. */
export interface RedisDriverFactory {
  (): Promise<RedisDriver>;
  /**
   * Loads the client library beforehand: on a busy machine it can take a command's whole deadline.
   */
  readonly load?: () => Promise<void>;
}
