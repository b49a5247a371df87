import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { type Clock, type Milliseconds, systemClock } from "../../../core/clock.ts";
import type { Deadline } from "../../../core/deadlines.ts";
import { Fifo } from "../../../core/fifo.ts";
import { StoreConnectionError, StoreServiceError } from "../../../core/errors.ts";
import { DeadlineSweep, type Expirable } from "../../../redis/deadline-sweep.ts";
import { MetaReader, type MetaReply } from "./meta-reader.ts";
import type { ServerAddress } from "./server-address.ts";

/** How a server is reached. */
export interface ConnectionSettings {
  readonly address: ServerAddress;
  /** Options of TLS; `undefined`: without. */
  readonly tls?: ConnectionOptions | undefined;
  /** Credentials of memcached's text authentication (`-Y`). */
  readonly authentication?: { readonly username: string; readonly password: string } | undefined;
  /**
   * Time after which a connection that is not ready for commands is given up for another one.
   *
   * @defaultValue 1000
   */
  readonly connectTimeout?: Milliseconds | undefined;
  /**
   * Time without any byte after which a connection that owes replies counts as dead.
   *
   * @defaultValue 1000
   */
  readonly stallTimeout?: Milliseconds | undefined;
}

/** As on Redis. */
const CONNECT_TIMEOUT: Milliseconds = 1000;
const STALL_TIMEOUT: Milliseconds = 1000;

/** Maximum number of commands without a reply. About 300 bytes each. */
const MAX_OUTSTANDING = 100_000;

type ReadReply = (reply: MetaReply) => unknown;

/** A command on its way. */
class OutstandingCommand implements Expirable {
  index = 0;
  isSent = false;
  sentAt = 0;
  isOver = false;
  readonly deadline: Deadline;
  readonly start: string;
  readonly value: Uint8Array | string | undefined;
  readonly #resolve: (answer: unknown) => void;
  readonly #reject: (error: Error) => void;
  readonly #read: ReadReply | undefined;
  readonly #onTimeout: (command: OutstandingCommand) => void;

  constructor(
    start: string,
    value: Uint8Array | string | undefined,
    deadline: Deadline,
    handlers: {
      readonly resolve: (answer: unknown) => void;
      readonly reject: (error: Error) => void;
      readonly read: ReadReply | undefined;
      readonly onTimeout: (command: OutstandingCommand) => void;
    },
  ) {
    this.start = start;
    this.value = value;
    this.deadline = deadline;
    this.#resolve = handlers.resolve;
    this.#reject = handlers.reject;
    this.#read = handlers.read;
    this.#onTimeout = handlers.onTimeout;
  }

  resolve(reply: MetaReply): void {
    this.isOver = true;
    this.#resolve(this.#read === undefined ? reply : this.#read(reply));
  }

  reject(error: Error): void {
    this.isOver = true;
    this.#reject(error);
  }

  expire(): void {
    this.#onTimeout(this);
  }
}

/**
 * The connection to one server: opened by the first command, and again by the next one after it was
 * lost. The commands of one turn of the event loop leave in one write, and replies come in their
 * order. A command that misses its deadline keeps its place, so that its late reply reaches nobody.
 */
export class MetaConnection {
  readonly name: string;
  readonly #settings: ConnectionSettings;
  readonly #clock: Clock;
  /** Commands that have left, in the order of their replies. */
  readonly #sent = new Fifo<OutstandingCommand>();
  #unsent: OutstandingCommand[] = [];
  #socket: Socket | undefined;
  #isReady = false;
  #isFlushing = false;
  #heardAt: Milliseconds = 0;
  #openedAt: Milliseconds = 0;
  #isClosed = false;
  readonly #sweep = new DeadlineSweep(() => this.#afterSweep());

  constructor(settings: ConnectionSettings, clock: Clock = systemClock) {
    this.name = settings.address.name;
    this.#settings = settings;
    this.#clock = clock;
  }

  /**
   * Sends a command.
   *
   * @param start Line of the command with its line end, and the beginning of a data block, sent in
   *   UTF-8.
   * @param value Rest of the data block of an `ms`; a text goes in UTF-8.
   * @param read Returns the answer to a reply that is no error, and does not throw; without it, a reply is the answer.
   *   A `then` in its place costs another promise.
   */
  ask(start: string, value: Uint8Array | string | undefined, deadline: Deadline): Promise<MetaReply>;
  ask<Answer>(
    start: string,
    value: Uint8Array | string | undefined,
    deadline: Deadline,
    read?: (reply: MetaReply) => Answer,
  ): Promise<Answer>;
  ask(
    start: string,
    value: Uint8Array | string | undefined,
    deadline: Deadline,
    read?: ReadReply,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const problem = this.#problem(deadline);
      if (problem !== undefined) {
        reject(this.#error(problem, "not-sent"));
        return;
      }
      const onTimeout = (command: OutstandingCommand): void => this.#timeOut(command);
      const command = new OutstandingCommand(start, value, deadline, { resolve, reject, read, onTimeout });
      this.#unsent.push(command);
      this.#sweep.add(command);
      this.#open();
      this.#flushSoon();
    });
  }

  /** Closes the connection. Commands without a reply fail. */
  close(): void {
    this.#isClosed = true;
    this.#drop(undefined, "was closed");
  }

  #problem(deadline: Deadline): string | undefined {
    if (this.#isClosed) return "is closed";
    if (deadline.hasPassed) return `was not asked within ${deadline.total} ms`;
    return this.#sent.length + this.#unsent.length >= MAX_OUTSTANDING
      ? `owes ${MAX_OUTSTANDING} replies`
      : undefined;
  }

  #open(): void {
    const now = this.#clock.monotonic();
    const { connectTimeout = CONNECT_TIMEOUT } = this.#settings;
    if (this.#socket !== undefined && !this.#isReady && now - this.#openedAt > connectTimeout) {
      this.#socket.destroy();
      this.#socket = undefined;
    }
    if (this.#socket !== undefined) return;
    this.#openedAt = now;
    const { address, tls } = this.#settings;
    const socket = tls === undefined ? connectTcp(address) : connectTls({ ...address, ...tls });
    this.#socket = socket;
    const reader = new MetaReader();
    socket.setNoDelay(true);
    socket.on(tls === undefined ? "connect" : "secureConnect", () => this.#greet(socket));
    socket.on("data", (chunk: Buffer) => this.#receive(socket, reader, chunk));
    socket.on("error", (cause) => this.#drop(socket, "could not be reached, or went away", cause));
    socket.on("close", () => this.#drop(socket, "has closed the connection"));
  }

  /** Authentication is a `set` of its own, before all commands. */
  #greet(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#heardAt = this.#clock.monotonic();
    const { authentication } = this.#settings;
    if (authentication === undefined) {
      this.#isReady = true;
      this.#flush();
      return;
    }
    const text = `${authentication.username} ${authentication.password}`;
    socket.write(`set auth 0 0 ${Buffer.byteLength(text)}\r\n${text}\r\n`);
  }

  #receive(socket: Socket, reader: MetaReader, chunk: Buffer): void {
    if (socket !== this.#socket) return;
    this.#heardAt = this.#clock.monotonic();
    try {
      for (const reply of reader.read(chunk)) this.#take(socket, reply);
    } catch (cause) {
      this.#drop(socket, "has sent what is no reply of memcached", cause);
    }
  }

  #take(socket: Socket, reply: MetaReply): void {
    if (!this.#isReady) {
      if (reply.code !== "STORED") return this.#drop(socket, "refused the user name or the password");
      this.#isReady = true;
      this.#flush();
      return;
    }
    const command = this.#sent.shift();
    if (command === undefined) throw new Error("a reply without a command");
    if (command.isOver) return;
    this.#sweep.delete(command);
    if (/^(?:ERROR|CLIENT_ERROR|SERVER_ERROR)$/.test(reply.code)) this.#refuse(socket, command, reply);
    else command.resolve(reply);
  }

  /** After an error of the protocol, what follows may be no reply any more. */
  #refuse(socket: Socket, command: OutstandingCommand, { code, words }: MetaReply): void {
    const text = [code, ...words].join(" ");
    command.reject(
      new StoreServiceError(`memcached at ${this.name} refused a command: ${text}.`, {
        outcome: code === "SERVER_ERROR" ? "unknown" : "not-sent",
      }),
    );
    if (code !== "SERVER_ERROR") this.#drop(socket, "has refused a command");
  }

  #flushSoon(): void {
    if (this.#isFlushing || !this.#isReady) return;
    this.#isFlushing = true;
    process.nextTick(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const [socket, commands] = [this.#socket, this.#unsent];
    if (socket === undefined || !this.#isReady || commands.length === 0) return;
    this.#unsent = [];
    const now = this.#clock.monotonic();
    let text = "";
    socket.cork();
    for (const command of commands) {
      command.sentAt = now;
      command.isSent = true;
      this.#sent.push(command);
      text += command.start;
      const { value } = command;
      if (value === undefined) continue;
      if (typeof value === "string") {
        text += `${value}\r\n`;
        continue;
      }
      socket.write(text);
      socket.write(value);
      text = "\r\n";
    }
    if (text !== "") socket.write(text);
    socket.uncork();
  }

  #timeOut(command: OutstandingCommand): void {
    this.#sweep.delete(command);
    const problem = `did not answer within ${command.deadline.total} ms`;
    command.reject(this.#error(problem, command.isSent ? "unknown" : "not-sent"));
  }

  /**
   * Forgets commands that have timed out before they were sent. Drops a connection on which nothing
   * has come for too long, though it owes replies.
   */
  #afterSweep(): boolean {
    // All of a sweep at once: one by one, 60 000 of them take a minute.
    this.#unsent = this.#unsent.filter(({ isOver }) => !isOver);
    const { first } = this.#sent;
    if (first === undefined) return false;
    const silentSince = Math.max(this.#heardAt, first.sentAt);
    const { stallTimeout = STALL_TIMEOUT } = this.#settings;
    const isStalled = this.#clock.monotonic() - silentSince > stallTimeout;
    if (isStalled) this.#drop(this.#socket, `has sent nothing for ${stallTimeout} ms`);
    return !isStalled;
  }

  #drop(socket: Socket | undefined, problem: string, cause?: unknown): void {
    if (socket !== this.#socket && socket !== undefined) return;
    const [commands, dropped] = [[...this.#sent.takeAll(), ...this.#unsent], this.#socket];
    this.#unsent = [];
    this.#socket = undefined;
    this.#isReady = false;
    dropped?.destroy();
    for (const command of commands) {
      if (command.isOver) continue;
      this.#sweep.delete(command);
      command.reject(this.#error(problem, command.isSent ? "unknown" : "not-sent", cause));
    }
  }

  #error(problem: string, outcome: "not-sent" | "unknown", cause?: unknown): StoreConnectionError {
    return new StoreConnectionError(`memcached at ${this.name} ${problem}.`, { outcome, cause });
  }
}
