import type { Milliseconds } from "../core/clock.ts";
import type { DriverFailure, RedisArgument, RedisReply, ReplyForm } from "./commands.ts";
import { type ReplicatedWrite, waitArgs } from "./replication.ts";
import type { RedisScript } from "./script.ts";

/** Receiver of the answer to a command. One of the two is called, once, however late. */
export interface Recipient {
  readonly isSettled: boolean;
  onReply(reply: RedisReply<string | Buffer>): void;
  onFailure(failure: DriverFailure): void;
}

/** The part of a driver that leads to one node. */
export interface RedisDriverNode {
  /** `SOLE_NODE`, or the address of a node of a cluster. */
  readonly name: string;
  /**
   * Opens the connection to the node. Left out if it is opened with the link.
   *
   * @returns `undefined` if it is open, or if nothing is known of it before {@link send}.
   */
  open?(): Promise<void> | undefined;
  /**
   * Sends a command to the open node.
   *
   * @param args The command's name and its arguments.
   * @param key Key of the command, which is followed if it has moved; `undefined` if the node is
   * meant.
   * @param form Form in which the strings of the reply are read.
   * @param recipient Receiver of the reply. A client that holds commands back does not send them
   * after it is settled.
   */
  send(
    args: readonly RedisArgument[],
    key: RedisArgument | undefined,
    form: ReplyForm,
    recipient?: { readonly isSettled: boolean },
  ): Promise<RedisReply<string | Buffer>>;
  /** Classifies an error with which {@link open} or {@link send} was rejected. */
  explain(error: unknown): DriverFailure;
  /**
   * Handles an error reply that says that the node is now the wrong one, such as `READONLY`. On a
   * cluster, the node may be reconnected, and the others are asked for the slots.
   *
   * @param code The first word of the reply.
   * @returns Whether the link as a whole is still good.
   */
  distrust(code: string): boolean;
  /** Ends the connection and rejects its outstanding commands. */
  sever(): void;
}

/** A server at the end of a link, with its loaded scripts and its signs of life. */
export class RedisNode {
  readonly #driver: RedisDriverNode;
  readonly #scripts = new Set<RedisScript>();
  /** Writes that no wait has been sent after yet. */
  #replicated: ReplicatedWrite[] = [];
  #unanswered = 0;
  /** Counts signs of life: answers, and commands to a node that owed none. */
  #signs = 0;
  #lastSeen = { signs: -1, at: 0 };
  #hasMissedDeadline = false;
  #fate: Error | undefined;

  constructor(driver: RedisDriverNode) {
    this.#driver = driver;
  }

  /** `SOLE_NODE`, or the address of a node of a cluster. */
  get name(): string {
    return this.#driver.name;
  }

  /**
   * Opens the connection to the node. The promise never rejects.
   *
   * @returns `undefined` if commands can be sent at once.
   */
  open(): Promise<DriverFailure | undefined> | undefined {
    return this.#driver.open?.()?.then(
      () => undefined,
      (error: unknown) => ({ ...this.#driver.explain(error), atOpening: true }),
    );
  }

  /** Lets the next command be executed although the slot is still being migrated to this node. */
  ask(): void {
    // If it fails, the next command is answered with MOVED.
    this.#driver.send(["ASKING"], undefined, "text").catch(() => {});
  }

  send(
    args: readonly RedisArgument[],
    key: RedisArgument | undefined,
    form: ReplyForm,
    recipient: Recipient,
  ): void {
    if (this.#unanswered++ === 0) {
      this.#signs++;
      this.#fate = undefined;
    }
    this.#driver.send(args, key, form, recipient).then(
      (reply) => {
        this.#noteAnswer();
        recipient.onReply(reply);
      },
      (error: unknown) => {
        const failure = this.#explain(error);
        // A command that the client did not take says nothing about the server: with a full queue,
        // a frozen server would look alive.
        if (failure.kind === "refused" || failure.kind === "full") this.#unanswered--;
        else this.#noteAnswer();
        recipient.onFailure(failure);
      },
    );
  }

  /**
   * Sends a write, and one command after it and all others of this moment that waits until replicas
   * have them: the server executes nothing more of this connection meanwhile.
   */
  sendReplicated(
    args: readonly RedisArgument[],
    key: RedisArgument | undefined,
    form: ReplyForm,
    write: ReplicatedWrite,
  ): void {
    this.send(args, key, form, write);
    // Registered before anything can happen to the connection, since a wait on another one does not
    // cover these writes.
    if (this.#replicated.push(write) === 1) queueMicrotask(() => this.#waitForReplicas());
  }

  /**
   * Returns the arguments that run a script: its text the first time on this node, which also loads
   * it, then its hash.
   */
  scriptArgs(
    script: RedisScript,
    keys: readonly RedisArgument[],
    args: readonly RedisArgument[],
  ): RedisArgument[] {
    const rest = [String(keys.length), ...keys, ...args];
    if (this.#scripts.has(script)) return ["EVALSHA", script.sha1, ...rest];
    this.#scripts.add(script);
    return ["EVAL", script.source, ...rest];
  }

  /**
   * Marks a script as lost by Redis (SCRIPT FLUSH, restart, failover): the next run loads it again.
   */
  forgetScript(script: RedisScript): void {
    this.#scripts.delete(script);
  }

  /** Notes that a command was not answered before its deadline. */
  noteMissedDeadline(): void {
    this.#hasMissedDeadline = true;
  }

  get owesAnswers(): boolean {
    return this.#unanswered > 0;
  }

  /** Whether deadlines pass without answers: either the node recovers, or it {@link hasStalled}. */
  get isSuspect(): boolean {
    return this.#hasMissedDeadline && this.#unanswered > 0;
  }

  /** Returns whether it is suspect and has not answered for a time, judged at occasional calls. */
  hasStalled(timeout: Milliseconds, now: Milliseconds): boolean {
    // Reading the clock at each answer instead would cost a tenth of a command.
    if (this.#signs !== this.#lastSeen.signs) this.#lastSeen = { signs: this.#signs, at: now };
    return this.isSuspect && now - this.#lastSeen.at >= timeout;
  }

  /**
   * Handles an error reply that says that the node is now the wrong one. Returns whether the link
   * is still good.
   */
  distrust(code: string): boolean {
    return this.#driver.distrust(code);
  }

  /** Ends the connection to a node that {@link hasStalled}. */
  sever(timeout: Milliseconds): void {
    this.#fate = new Error(`Redis had not answered for ${timeout} ms, so the connection was closed`);
    this.#driver.sever();
  }

  #waitForReplicas(): void {
    const [first, ...others] = this.#replicated;
    this.#replicated = [];
    if (first === undefined) return;
    const writes: [ReplicatedWrite, ...ReplicatedWrite[]] = [first, ...others];
    this.send(waitArgs(writes), undefined, "text", {
      isSettled: false,
      onReply: (reply) => writes.forEach((write) => write.onWaited(reply)),
      onFailure: (failure) => writes.forEach((write) => write.onWaitFailure(failure)),
    });
  }

  #noteAnswer(): void {
    this.#hasMissedDeadline = false;
    this.#unanswered--;
    this.#signs++;
  }

  #explain(error: unknown): DriverFailure {
    const failure = this.#driver.explain(error);
    return failure.kind === "lost" && this.#fate !== undefined
      ? { kind: "lost", cause: this.#fate }
      : failure;
  }
}
