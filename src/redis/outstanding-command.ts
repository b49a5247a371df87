import type { Deadline } from "../core/deadlines.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import type { DriverFailure, RedisReply } from "./commands.ts";
import type { Attempt } from "./connector.ts";
import type { DeadlineSweep, Expirable } from "./deadline-sweep.ts";
import { type CommandLabel, commandError, connectError, deadlineError, replyCode } from "./errors.ts";
import type { Recipient, RedisLink } from "./link.ts";
import type { RedisScript } from "./script.ts";

/** What is to be sent. */
export interface Request extends CommandLabel {
  readonly key: string | undefined;
  /** The arguments, which for a script depend on what the link has loaded. */
  readonly argsFor: (link: RedisLink) => readonly string[];
  readonly script?: RedisScript;
  readonly deadline: Deadline;
}

/** A command from its issue to its one answer: a reply, an error, or the deadline. What comes later is dropped. */
export class OutstandingCommand implements Expirable, Recipient {
  readonly deadline: Deadline;
  readonly #request: Request;
  readonly #sweep: DeadlineSweep;
  readonly #resolve: (reply: RedisReply) => void;
  readonly #reject: (error: Error) => void;
  #link: RedisLink | undefined;
  #isSettled = false;

  constructor(
    request: Request,
    sweep: DeadlineSweep,
    resolve: (reply: RedisReply) => void,
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
    this.#link = link;
    link.send(this.#request.argsFor(link), this.#request.key, this);
  }

  onReply(reply: RedisReply): void {
    if (this.#settle()) this.#resolve(reply);
  }

  onFailure(failure: DriverFailure): void {
    if (this.#isSettled) return;
    const { script } = this.#request;
    const link = this.#link;
    if (script === undefined || link === undefined || !isMissingScript(failure)) {
      return this.#fail(commandError(this.#request, failure));
    }
    link.forgetScript(script);
    this.sendOn(link);
  }

  expire(): void {
    const outcome = this.#link === undefined ? "not-sent" : "unknown";
    this.#link?.noteMissedDeadline();
    this.#fail(deadlineError(this.#request, this.deadline, outcome));
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
