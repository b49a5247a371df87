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
