import { type Clock, type Milliseconds, systemClock } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { RedisDriverFactory, RedisReply } from "./commands.ts";
import { RedisConnector } from "./connector.ts";
import { DeadlineSweep } from "./deadline-sweep.ts";
import { closedError, deadlineError } from "./errors.ts";
import type { RedisLink } from "./link.ts";
import { OutstandingCommand, type Request } from "./outstanding-command.ts";
import type { RedisScript } from "./script.ts";

/** Options of {@link RedisConnection}. */
export interface RedisConnectionOptions {
  /** As in the settings, for messages. */
  readonly name: string;
  readonly driver: RedisDriverFactory;
  /** How long opening a link may take, the handshake included. */
  readonly connectTimeout: Milliseconds;
  /** After how long without any answer a link on which deadlines have passed is given up. */
  readonly stallTimeout: Milliseconds;
  readonly clock?: Clock;
}

/**
 * A named connection to one Redis server, over one link that is opened when a command first needs it.
 *
 * - Every command ends by its deadline, whether it waits for a link, waits to be written or waits for its answer.
 * - A lost link is not reopened until a command needs one. Commands that need it share one attempt; when that fails,
 *   all of them fail at once with `outcome: "not-sent"`, but those that had joined it late share one more.
 * - A command is sent at most once. What was outstanding on a lost link fails with `outcome: "unknown"`.
 * - Nothing runs while nothing is outstanding. An open link keeps the process alive; {@link close} ends it.
 */
export class RedisConnection {
  /** As in the settings. */
  readonly name: string;
  readonly #stallTimeout: Milliseconds;
  readonly #clock: Clock;
  readonly #connector: RedisConnector;
  readonly #sweep: DeadlineSweep = new DeadlineSweep(() => this.#watchForStall());
  #link: RedisLink | undefined;
  #isClosed = false;

  constructor(options: RedisConnectionOptions) {
    const { name, driver, connectTimeout, stallTimeout, clock = systemClock } = options;
    this.name = name;
    this.#stallTimeout = stallTimeout;
    this.#clock = clock;
    this.#connector = new RedisConnector({ driver, connectTimeout, clock });
  }

  /**
   * Sends a command.
   *
   * @param args The command's name and its arguments.
   * @param key The key that decides which node of a cluster is asked.
   * @throws {RedisConnectionError} No link, a lost link, or no answer before the deadline.
   * @throws {RedisServiceError} Redis answered with an error.
   * @throws {ImproperlyConfigured} The client library is not installed.
   */
  command(args: readonly [string, ...string[]], deadline: Deadline, key?: string): Promise<RedisReply> {
    return this.#issue({ command: args[0], connection: this.name, key, argsFor: () => args, deadline });
  }

  /** Runs a script, as {@link command} sends a command. The first of the keys decides the node. */
  run(script: RedisScript, keys: readonly string[], args: readonly string[], deadline: Deadline): Promise<RedisReply> {
    const argsFor = (link: RedisLink): readonly string[] => link.scriptArgs(script, keys, args);
    const command = `script ${script.name}`;
    return this.#issue({ command, connection: this.name, key: keys[0], argsFor, script, deadline });
  }

  /** Lets outstanding commands end, each within its deadline, then closes the link. Later commands are refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#sweep.drained();
    this.#connector.close();
    this.#link?.destroy();
    this.#link = undefined;
  }

  #issue(request: Request): Promise<RedisReply> {
    if (this.#isClosed) return Promise.reject(closedError(request));
    if (request.deadline.hasPassed) return Promise.reject(deadlineError(request, request.deadline, "not-sent"));
    return new Promise((resolve, reject) => {
      this.#dispatch(new OutstandingCommand(request, this.#sweep, resolve, reject));
    });
  }

  #dispatch(command: OutstandingCommand): void {
    const link = this.#readyLink();
    if (link === undefined) void this.#openLinkFor(command);
    else command.sendOn(link);
  }

  async #openLinkFor(command: OutstandingCommand): Promise<void> {
    const issuedAt = this.#clock.monotonic();
    let attempt = await this.#connector.connect();
    // An attempt that was under way before may have failed with a server that is back by now.
    const isStale = attempt.link === undefined && attempt.startedAt < issuedAt;
    if (isStale && !command.isSettled) attempt = await this.#connector.connect();
    if (attempt.link !== undefined) this.#link = attempt.link;
    command.continueAfter(attempt);
  }

  #readyLink(): RedisLink | undefined {
    if (this.#link === undefined || this.#link.isReady) return this.#link;
    this.#link.destroy();
    this.#link = undefined;
    return undefined;
  }

  #watchForStall(): boolean {
    this.#link?.destroyIfStalled(this.#stallTimeout);
    return this.#link?.isSuspect ?? false;
  }
}
