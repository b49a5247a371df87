import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { ImproperlyConfigured } from "../core/errors.ts";
import { startTimer, type Timer } from "../core/timers.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "./commands.ts";
import type { Attempt } from "./connector.ts";
import type { DeadlineSweep, Expirable } from "./deadline-sweep.ts";
import {
  type CommandLabel,
  commandError,
  connectError,
  deadlineError,
  type News,
  newsOf,
  replyCodeOf,
} from "./errors.ts";
import type { RedisLink } from "./link.ts";
import type { Recipient, RedisNode } from "./node.ts";
import { replicationError, type ReplicatedRecipient, ReplicatedWrite, type WaitFor } from "./replication.ts";
import type { RedisScript } from "./script.ts";

/** Options of a {@link Request}. */
export interface RequestOptions<Form extends ReplyForm = ReplyForm> {
  /** Key of the command, which decides the node. */
  readonly key?: RedisArgument | undefined;
  readonly script?: RedisScript | undefined;
  /** Keys of the script. */
  readonly keys?: readonly RedisArgument[] | undefined;
  /** Form in which the strings of the reply are read. @defaultValue `"text"` */
  readonly form?: Form | undefined;
  /** How long it waits for a slot that is being migrated. @defaultValue `"usual"` */
  readonly patience?: Patience | undefined;
  /** Chooses the node of a command without a key. */
  readonly chooseNode?: ((link: RedisLink) => RedisNode) | undefined;
}

/**
 * A command to be sent, or a script to be run. A class, as V8 may allocate literals in the old
 * generation.
 */
export class Request<Form extends ReplyForm = ReplyForm> {
  /** Name and arguments of a command, or the arguments of a script. */
  readonly args: readonly RedisArgument[];
  readonly deadline: Deadline;
  readonly key: RedisArgument | undefined;
  readonly script: RedisScript | undefined;
  readonly keys: readonly RedisArgument[] | undefined;
  readonly form: Form | undefined;
  readonly patience: Patience | undefined;
  readonly chooseNode: ((link: RedisLink) => RedisNode) | undefined;

  constructor(args: readonly RedisArgument[], deadline: Deadline, options: RequestOptions<Form>) {
    this.args = args;
    this.deadline = deadline;
    this.key = options.key;
    this.script = options.script;
    this.keys = options.keys;
    this.form = options.form;
    this.patience = options.patience;
    this.chooseNode = options.chooseNode;
  }
}

/** Returns the names of a request for messages. */
export function labelOf({ args, script }: Request, connection: string): CommandLabel {
  if (script === undefined) return { command: String(args[0]), connection };
  return { command: `script ${script.name}`, connection, script };
}

/**
 * How long a command of several keys waits while its slot is migrated to another node: until its
 * deadline, or only a moment, if the caller has an alternative.
 */
export type Patience = "usual" | "brief";

/** The part of a connection that a command uses. */
export interface Dispatcher {
  /** Name of the connection, for messages. */
  readonly connection: string;
  /** Replication that each command waits for. */
  readonly waitFor: WaitFor | undefined;
  readonly sweep: DeadlineSweep;
  /** Sends a command on the link, which is opened if need be. */
  dispatch(command: OutstandingCommand): void;
  /** Handles an error reply that says that a node of a link is now the wrong one. */
  distrust(link: RedisLink, node: RedisNode, code: string): void;
}

/**
 * Maximum number of redirections that a command follows. More means a cluster whose nodes disagree.
 */
const MAX_REDIRECTIONS = 5;

/**
 * Pauses before a command that the wrong server has refused is sent again: 0.8 s in all. They are
 * short at first, since a new connection often leads to the right server, and longer later, so as
 * not to disturb a failover in progress.
 */
const PAUSES_ELSEWHERE: readonly Milliseconds[] = [20, 60, 180, 540];

/** Maximum pause before a command is sent again to the right server, which could not execute it. */
const MAX_PAUSE: Milliseconds = 200;

/**
 * Number of pauses after which a command of brief patience is given up: 140 ms in all. A slot of
 * some hundred keys has arrived by then.
 */
const BRIEF_PAUSES = 3;

/**
 * A command from its issue to its one answer: a reply, an error, or the deadline. Anything later is
 * dropped.
 *
 * It is sent again only if it was not sent at all, or if a reply proves that it was not executed:
 * the key is elsewhere, the script is not loaded, or the server is the wrong one or not able to for
 * the moment.
 */
export class OutstandingCommand implements Expirable, Recipient, ReplicatedRecipient {
  readonly deadline: Deadline;
  index = -1;
  readonly #request: Request;
  readonly #dispatcher: Dispatcher;
  readonly #resolve: (reply: RedisReply<string | Buffer>) => void;
  readonly #reject: (error: Error) => void;
  #link: RedisLink | undefined;
  /** Node that the command was sent to and that has not answered yet. */
  #node: RedisNode | undefined;
  #isAsking = false;
  #redirections = 0;
  #pauses = 0;
  #pause: Timer | undefined;
  /** The last refusal. */
  #refusal: DriverFailure | undefined;
  #isSettled = false;

  constructor(
    request: Request,
    dispatcher: Dispatcher,
    resolve: (reply: RedisReply<string | Buffer>) => void,
    reject: (error: Error) => void,
  ) {
    this.deadline = request.deadline;
    this.#request = request;
    this.#dispatcher = dispatcher;
    this.#resolve = resolve;
    this.#reject = reject;
    dispatcher.sweep.add(this);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  get #label(): CommandLabel {
    return labelOf(this.#request, this.#dispatcher.connection);
  }

  /** Continues when an attempt to open a link has ended. */
  continueAfter({ link, failure }: Attempt): void {
    if (this.#isSettled) return;
    if (link !== undefined) this.sendOn(link);
    else if (failure instanceof ImproperlyConfigured) this.#fail(failure);
    else this.#fail(connectError(this.#label, failure));
  }

  sendOn(link: RedisLink): void {
    const { key, chooseNode } = this.#request;
    this.#link = link;
    this.#isAsking = false;
    this.#sendTo(chooseNode === undefined ? link.nodeFor(key) : chooseNode(link));
  }

  onReply(reply: RedisReply<string | Buffer>): void {
    if (this.#settle()) this.#resolve(reply);
  }

  onFailure(failure: DriverFailure): void {
    if (!this.#isSettled && !this.#goesOn(failure)) this.#fail(commandError(this.#label, failure));
  }

  onShortage(shortage: string | DriverFailure): void {
    this.#fail(replicationError(this.#label, shortage));
  }

  expire(): void {
    this.#node?.noteMissedDeadline();
    if (this.#node !== undefined) this.#fail(deadlineError(this.#label, this.deadline, "unknown"));
    else if (this.#refusal !== undefined) this.#fail(commandError(this.#label, this.#refusal));
    else this.#fail(deadlineError(this.#label, this.deadline, "not-sent"));
  }

  /** Returns whether it continues after a failure. */
  #goesOn(failure: DriverFailure): boolean {
    const code = replyCodeOf(failure);
    if (code !== undefined) return this.#goesOnAfter(code, failure);
    // The connection was given up between the choice of a node and the writing.
    return failure.kind === "refused" && failure.atOpening !== true && this.#pauseFor("elsewhere", failure);
  }

  /** Returns whether it continues after an error reply. */
  #goesOnAfter(code: string, failure: DriverFailure): boolean {
    const [link, node, { script }] = [this.#link, this.#node, this.#request];
    if (link === undefined || node === undefined) return false;
    if (code === "NOSCRIPT" && script !== undefined) {
      node.forgetScript(script);
      this.#sendTo(node);
      return true;
    }
    const redirection = link.redirect(failure, node);
    if (redirection !== undefined) {
      if (++this.#redirections > MAX_REDIRECTIONS) return false;
      this.#isAsking = redirection.isAsking;
      this.#sendTo(redirection.node);
      return true;
    }
    const news = newsOf(code);
    if (news === undefined) return false;
    if (news === "elsewhere") this.#dispatcher.distrust(link, node, code);
    return this.#pauseFor(news, failure);
  }

  #pauseFor(news: News, refusal: DriverFailure): boolean {
    const at = this.#pauses++;
    const pause = news === "later" ? this.#pauseForSlot(at) : PAUSES_ELSEWHERE[at];
    if (pause === undefined) return false;
    this.#node = undefined;
    this.#refusal = refusal;
    this.#pause = startTimer(pause, () => this.#dispatcher.dispatch(this));
    return true;
  }

  #pauseForSlot(at: number): Milliseconds | undefined {
    if (this.#request.patience === "brief" && at >= BRIEF_PAUSES) return undefined;
    return Math.min(20 * 2 ** at, MAX_PAUSE);
  }

  #sendTo(node: RedisNode): void {
    this.#node = undefined;
    const opening = node.open();
    if (opening === undefined) return this.#write(node);
    void opening.then((failure) => {
      if (this.#isSettled) return;
      if (failure === undefined) this.#write(node);
      else this.onFailure(failure);
    });
  }

  #write(node: RedisNode): void {
    this.#node = node;
    if (this.#isAsking) node.ask();
    const { args, key, script, keys = [], form = "text" } = this.#request;
    const { waitFor } = this.#dispatcher;
    const sent = script === undefined ? args : node.scriptArgs(script, keys, args);
    if (waitFor === undefined) node.send(sent, key, form, this);
    else node.sendReplicated(sent, key, form, new ReplicatedWrite(this, waitFor, this.deadline));
  }

  #fail(error: Error): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#pause?.stop();
    this.#dispatcher.sweep.delete(this);
    return true;
  }
}
