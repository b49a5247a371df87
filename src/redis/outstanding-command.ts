import type { Deadline } from "../core/deadlines.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "./commands.ts";
import type { Attempt } from "./connector.ts";
import type { DeadlineSweep, Expirable } from "./deadline-sweep.ts";
import { type CommandLabel, commandError, connectError, deadlineError, replyCode } from "./errors.ts";
import type { RedisLink } from "./link.ts";
import type { Recipient, RedisNode } from "./node.ts";

/** What is to be sent. */
export interface Request<Form extends ReplyForm = ReplyForm> extends CommandLabel {
  /** The key that it is about, and that decides the node. */
  readonly key: string | undefined;
  /** Chooses the node where no key does. */
  readonly chooseNode?: (link: RedisLink) => string;
  /** The arguments, which for a script depend on what the node has loaded. */
  readonly argsFor: (node: RedisNode) => readonly RedisArgument[];
  /** How the strings of the reply are read. @defaultValue `"text"` */
  readonly form?: Form | undefined;
  readonly deadline: Deadline;
}

/** A command from its issue to its one answer: a reply, an error, or the deadline. What comes later is dropped. */
export class OutstandingCommand implements Expirable, Recipient {
  readonly deadline: Deadline;
  slot = -1;
  readonly #request: Request;
  readonly #sweep: DeadlineSweep;
  readonly #resolve: (reply: RedisReply<string | Buffer>) => void;
  readonly #reject: (error: Error) => void;
  /** Where it was sent to. */
  #node: RedisNode | undefined;
  #isSettled = false;

  constructor(
    request: Request,
    sweep: DeadlineSweep,
    resolve: (reply: RedisReply<string | Buffer>) => void,
    reject: (error: Error) => void,
  ) {
    this.deadline = request.deadline;
    this.#request = request;
    this.#sweep = sweep;
    this.#resolve = resolve;
    this.#reject = reject;
    sweep.add(this);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Goes on when an attempt to open a link has ended. */
  continueAfter({ link, failure }: Attempt): void {
    if (this.#isSettled) return;
    if (link !== undefined) this.sendOn(link);
    else if (failure instanceof ImproperlyConfigured) this.#fail(failure);
    else this.#fail(connectError(this.#request, failure));
  }

  sendOn(link: RedisLink): void {
    const { key, chooseNode } = this.#request;
    this.#sendTo(chooseNode === undefined ? link.nodeOf(key) : link.node(chooseNode(link)));
  }

  onReply(reply: RedisReply<string | Buffer>): void {
    if (this.#settle()) this.#resolve(reply);
  }

  onFailure(failure: DriverFailure): void {
    if (this.#isSettled) return;
    const { script } = this.#request;
    const node = this.#node;
    if (script === undefined || node === undefined || !isMissingScript(failure)) {
      return this.#fail(commandError(this.#request, failure));
    }
    node.forgetScript(script);
    this.#sendTo(node);
  }

  expire(): void {
    const outcome = this.#node === undefined ? "not-sent" : "unknown";
    this.#node?.noteMissedDeadline();
    this.#fail(deadlineError(this.#request, this.deadline, outcome));
  }

  #sendTo(node: RedisNode): void {
    this.#node = node;
    node.send(this.#request.argsFor(node), this.#request.key, this.#request.form ?? "text", this);
  }

  #fail(error: Error): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#sweep.delete(this);
    return true;
  }
}

function isMissingScript({ kind, cause }: DriverFailure): boolean {
  return kind === "reply" && cause instanceof Error && replyCode(cause.message) === "NOSCRIPT";
}
