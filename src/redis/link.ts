import type { Clock, Milliseconds } from "../core/clock.ts";
import type { DriverFailure, RedisDriver, RedisReply } from "./commands.ts";
import type { RedisScript } from "./script.ts";

/** Who waits for the answer to a command. One of the two is called, once, however late. */
export interface Recipient {
  onReply(reply: RedisReply): void;
  onFailure(failure: DriverFailure): void;
}

/** An open link to Redis, and what is known of it: the scripts that it has loaded, and whether it still answers. */
export class RedisLink {
  readonly #driver: RedisDriver;
  readonly #clock: Clock;
  readonly #scripts = new Set<RedisScript>();
  #unanswered = 0;
  /** When Redis last had nothing to answer, or last answered. */
  #waitingSince: Milliseconds = 0;
  #hasMissedDeadline = false;
  #fate: Error | undefined;

  constructor(driver: RedisDriver, clock: Clock) {
    this.#driver = driver;
    this.#clock = clock;
  }

  get isReady(): boolean {
    return this.#driver.isReady;
  }

  send(args: readonly string[], key: string | undefined, recipient: Recipient): void {
    if (this.#unanswered++ === 0) this.#waitingSince = this.#clock.monotonic();
    this.#driver.send(args, key).then(
      (reply) => {
        this.#noteAnswer();
        recipient.onReply(reply);
      },
      (error: unknown) => {
        this.#noteAnswer();
        recipient.onFailure(this.#explain(error));
      },
    );
  }

  /** The arguments that run a script: its text the first time on this link, which also loads it, then its hash. */
  scriptArgs(script: RedisScript, keys: readonly string[], args: readonly string[]): string[] {
    const rest = [String(keys.length), ...keys, ...args];
    if (this.#scripts.has(script)) return ["EVALSHA", script.sha1, ...rest];
    this.#scripts.add(script);
    return ["EVAL", script.source, ...rest];
  }

  /** Redis has lost a script (SCRIPT FLUSH, restart, failover): load it again with the next run. */
  forgetScript(script: RedisScript): void {
    this.#scripts.delete(script);
  }

  /** A command on this link was not answered before its deadline. */
  noteMissedDeadline(): void {
    this.#hasMissedDeadline = true;
  }

  /** Whether deadlines pass without answers: then either the link recovers, or {@link destroyIfStalled} ends it. */
  get isSuspect(): boolean {
    return this.#driver.isOwned && this.#hasMissedDeadline && this.#unanswered > 0;
  }

  /** Ends a suspect link that has not answered for a time. */
  destroyIfStalled(timeout: Milliseconds): void {
    if (!this.isSuspect || this.#clock.monotonic() - this.#waitingSince < timeout) return;
    this.#fate = new Error(`Redis had not answered anything for ${timeout} ms, so the connection was closed`);
    this.destroy();
  }

  destroy(): void {
    this.#driver.destroy();
  }

  #noteAnswer(): void {
    this.#hasMissedDeadline = false;
    if (--this.#unanswered > 0) this.#waitingSince = this.#clock.monotonic();
  }

  #explain(error: unknown): DriverFailure {
    const failure = this.#driver.explain(error);
    return failure.kind === "lost" && this.#fate !== undefined ? { kind: "lost", cause: this.#fate } : failure;
  }
}
