import type { Milliseconds } from "../core/clock.ts";
import type { Deadline } from "../core/deadlines.ts";
import type { StoredValue } from "./stored-value.ts";

/** Listener of {@link TrackedReads}. */
export interface ChangeListener {
  /**
   * Called after a key was read, when it has changed, was deleted or has expired; also without a
   * change, when the engine forgets the key.
   *
   * @param key `undefined`: all keys may have changed.
   */
  onChange(key: string | undefined): void;
  /** Called when a link has ended: changes of the keys that were read on it are not reported. */
  onLinkEnd(): void;
}

/** A live value and its time to live. */
export interface TrackedValue {
  readonly value: StoredValue;
  /** Remaining time to live when the read was sent, at least 1; `null` is no expiry. */
  readonly ttl: Milliseconds | null;
}

/**
 * Reads whose keys the engine remembers: it reports the next change of each, whichever process or
 * program makes it.
 *
 * A change that happens before an answer to {@link confirm} is reported before that answer, and with
 * {@link hasOneOrder} before an answer to {@link getMany} too. One that happens after the read of a
 * key is reported once, until the key is read again.
 */
export interface TrackedReads {
  /**
   * Whether the answer to one read shows that all changes before it have been reported, whatever
   * their keys. Where keys lie on several servers, or reports come over another connection, only
   * {@link confirm} shows it.
   */
  readonly hasOneOrder: boolean;

  /** Reads live values, in the order of the keys. Failures are those of a cache store. */
  getMany(keys: readonly string[], deadline: Deadline): Promise<readonly (TrackedValue | undefined)[]>;

  /** Resolves when all changes before the call have been reported. */
  confirm(deadline: Deadline): Promise<void>;

  /** Ends the reads and releases their resources. */
  close(): Promise<void>;
}
