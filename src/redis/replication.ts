import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import { RedisServiceError } from "../core/errors.ts";
import type { DriverFailure, RedisReply } from "./commands.ts";
import { type CommandLabel, prefixOf, replyCodeOf } from "./errors.ts";

/** Number of copies that a write must have before it counts as done. */
export interface WaitFor {
  /** Replicas that have the write. */
  readonly replicas: number;
  /** Maximum wait for them. */
  readonly timeout: Milliseconds;
  /**
   * Whether the write must be in the append-only files, not only in memory (WAITAOF, Redis 7.2 or
   * newer).
   */
  readonly onDisk: boolean;
}

/**
 * Reads a shortage of replicas from the reply to {@link waitArgs}; `undefined` if there is none.
 */
function shortageOf(reply: RedisReply<string | Buffer>, { replicas, onDisk }: WaitFor): string | undefined {
  const [local, found] = onDisk ? (reply as readonly number[]) : [1, reply as number];
  if (local === 0) return "it was not in the file of this server in time";
  return Number(found) >= replicas ? undefined : `${found} of ${replicas} replicas had it in time`;
}

/** A write was executed, but is not known to have enough copies. */
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

/** Receiver of the answer to a write, called after the wait has been answered too. */
export interface ReplicatedRecipient {
  readonly isSettled: boolean;
  onReply(reply: RedisReply<string | Buffer>): void;
  onFailure(failure: DriverFailure): void;
  /** The write was executed, but has too few copies. */
  onShortage(shortage: string | DriverFailure): void;
}

/** A write that is done when enough replicas have it. Combines its answer with that of the wait. */
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
 * Returns the command that waits for writes, to be sent after them on the same connection: at most
 * until the last of their deadlines.
 */
export function waitArgs(writes: readonly [ReplicatedWrite, ...ReplicatedWrite[]]): string[] {
  const { replicas, timeout, onDisk } = writes[0].waitFor;
  const remaining = Math.max(...writes.map(({ deadline }) => deadline.remaining));
  // Redis takes 0 for "forever".
  const milliseconds = String(Math.max(1, Math.floor(Math.min(timeout, remaining))));
  return onDisk ? ["WAITAOF", "1", String(replicas), milliseconds] : ["WAIT", String(replicas), milliseconds];
}
