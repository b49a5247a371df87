import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { RedisServiceError } from "../core/errors.ts";
import type { DriverFailure, RedisReply } from "./commands.ts";
import { type CommandLabel, prefixOf, replyCodeOf } from "./errors.ts";

/** How many copies of a write there have to be before it counts as done. */
export interface WaitFor {
  /** Replicas that have the write. */
  readonly replicas: number;
  /** How long to wait for them. */
  readonly timeout: Milliseconds;
  /** Whether the write has to be in the append-only files, not only in memory (WAITAOF, Redis 7.2 or newer). */
  readonly onDisk: boolean;
}

/** Shortage of replicas according to the reply to {@link waitArgs}; `undefined` when there is none. */
function shortageOf(reply: RedisReply<string | Buffer>, { replicas, onDisk }: WaitFor): string | undefined {
  const [local, found] = onDisk ? (reply as readonly number[]) : [1, reply as number];
  if (local === 0) return "it was not in the file of this server in time";
  return Number(found) >= replicas ? undefined : `${found} of ${replicas} replicas had it in time`;
}

/** A write was executed, and is not known to be where it has to be. */
export function replicationError(label: CommandLabel, shortage: string | DriverFailure): RedisServiceError {
  const what = typeof shortage === "string" ? shortage : `the wait for it failed (${describe(shortage)})`;
  return new RedisServiceError(
    `${prefixOf(label)} ${label.command} is done here, but not on enough replicas: ${what}. It stands unless this server is ` +
      "lost. Check the replicas, or lower `waitFor`.",
    { outcome: "unknown", cause: typeof shortage === "string" ? undefined : shortage.cause },
  );
}

function describe(failure: DriverFailure): string {
  const code = replyCodeOf(failure);
  if (code !== undefined) return `Redis answered with ${code}`;
  return failure.cause instanceof Error ? failure.cause.message : String(failure.cause);
}

/** Receiver of the answer to a write, which gets it when the wait has been answered too. */
export interface ReplicatedRecipient {
  readonly isSettled: boolean;
  onReply(reply: RedisReply<string | Buffer>): void;
  onFailure(failure: DriverFailure): void;
  /** The write was executed. */
  onShortage(shortage: string | DriverFailure): void;
}

/**
 * A write that counts as done when enough replicas have it: brings its answer together with that to the wait
 * behind it.
 */
export class ReplicatedWrite {
  readonly waitFor: WaitFor;
  readonly deadline: Deadline;
  readonly #recipient: ReplicatedRecipient;
  #reply: { readonly value: RedisReply<string | Buffer> } | undefined;
  /** Result of the wait. */
  #wait: { readonly shortage: string | DriverFailure | undefined } | undefined;

  constructor(recipient: ReplicatedRecipient, waitFor: WaitFor, deadline: Deadline) {
    this.#recipient = recipient;
    this.waitFor = waitFor;
    this.deadline = deadline;
  }

  get isSettled(): boolean {
    return this.#recipient.isSettled;
  }

  onReply(reply: RedisReply<string | Buffer>): void {
    this.#reply = { value: reply };
    this.#settle();
  }

  onFailure(failure: DriverFailure): void {
    this.#recipient.onFailure(failure);
  }

  onWaited(reply: RedisReply<string | Buffer>): void {
    this.#wait = { shortage: shortageOf(reply, this.waitFor) };
    this.#settle();
  }

  onWaitFailure(failure: DriverFailure): void {
    this.#wait = { shortage: failure };
    this.#settle();
  }

  #settle(): void {
    if (this.#reply === undefined || this.#wait === undefined) return;
    const { shortage } = this.#wait;
    if (shortage === undefined) this.#recipient.onReply(this.#reply.value);
    else this.#recipient.onShortage(shortage);
  }
}

/**
 * The command that waits for writes, to be sent behind them on the same connection: at most until the last of
 * their deadlines.
 */
export function waitArgs(writes: readonly [ReplicatedWrite, ...ReplicatedWrite[]]): string[] {
  const { replicas, timeout, onDisk } = writes[0].waitFor;
  const remaining = Math.max(...writes.map(({ deadline }) => deadline.remaining));
  // Redis takes 0 for "without end".
  const milliseconds = String(Math.max(1, Math.floor(Math.min(timeout, remaining))));
  return onDisk ? ["WAITAOF", "1", String(replicas), milliseconds] : ["WAIT", String(replicas), milliseconds];
}
