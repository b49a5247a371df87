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

/** The command that waits, to be sent behind the write on the same connection. */
export function waitArgs({ replicas, timeout, onDisk }: WaitFor, deadline: Deadline): string[] {
  // Redis takes 0 for "without end".
  const milliseconds = String(Math.max(1, Math.floor(Math.min(timeout, deadline.remaining))));
  return onDisk ? ["WAITAOF", "1", String(replicas), milliseconds] : ["WAIT", String(replicas), milliseconds];
}

/** What is missing according to the reply to {@link waitArgs}; `undefined` when nothing is. */
export function shortageOf(reply: RedisReply<string | Buffer>, { replicas, onDisk }: WaitFor): string | undefined {
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

/** Brings the answers to a write and to the wait behind it together: the first always comes first. */
export class ReplicatedWrite {
  readonly #recipient: ReplicatedRecipient;
  readonly #waitFor: WaitFor;
  #reply: { readonly value: RedisReply<string | Buffer> } | undefined;

  constructor(recipient: ReplicatedRecipient, waitFor: WaitFor) {
    this.#recipient = recipient;
    this.#waitFor = waitFor;
  }

  get isSettled(): boolean {
    return this.#recipient.isSettled;
  }

  onReply(reply: RedisReply<string | Buffer>): void {
    this.#reply = { value: reply };
  }

  onFailure(failure: DriverFailure): void {
    this.#recipient.onFailure(failure);
  }

  onWaited(reply: RedisReply<string | Buffer>): void {
    if (this.#reply === undefined) return;
    const shortage = shortageOf(reply, this.#waitFor);
    if (shortage === undefined) this.#recipient.onReply(this.#reply.value);
    else this.#recipient.onShortage(shortage);
  }

  onWaitFailure(failure: DriverFailure): void {
    if (this.#reply !== undefined) this.#recipient.onShortage(failure);
  }
}
