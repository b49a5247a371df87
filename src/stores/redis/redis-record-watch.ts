import { type Milliseconds, systemClock } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import type { SessionKey } from "../../core/ids.ts";
import { pauseUnreferenced, startUnreferencedTimer, type Timer } from "../../core/timers.ts";
import type { RedisReply } from "../../redis/commands.ts";
import type { RedisConnection } from "../../redis/connection.ts";
import type { TrackingListener } from "../../redis/driver.ts";
import type { RecordWatch, RecordWatchListener } from "../record-watch.ts";

/** Place of a store's records in Redis. */
export interface WatchedPlaces {
  /** Returns the Redis key of a record's string or hash. */
  redisKeyOf(key: SessionKey): string;
  /**
   * Reads the time to live of a record, and with it its Redis key, which the connection tracks from
   * then on.
   *
   * @returns As PTTL does: milliseconds, -1 if it never expires, -2 if there is no record.
   */
  ttlOf(key: SessionKey, connection: RedisConnection, deadline: Deadline): Promise<RedisReply>;
}

const NO_EXPIRY = -1;
const NO_RECORD = -2;

/** Keys that are looked at together, in one write to the socket: less than 1 ms of Redis's time. */
const STEP = 200;

const DEADLINE: Milliseconds = 1000;

/** Interval of attempts while Redis does not answer. */
const RETRY_AFTER: Milliseconds = 250;

/**
 * Interval of the commands that show whether the link still stands. Without any, a link that a
 * firewall has dropped silently would never be missed.
 */
const HEARTBEAT: Milliseconds = 2000;

/** The server lets this user, or all, have no changes reported. Source: `acl.c` and `server.c`. */
const REFUSAL = /^(NOPERM|NOPROTO|NOTRACKING) |^ERR unknown (sub)?command/i;

/** A watched key. */
interface Watched {
  /** Earliest instant of the record's expiry, on the monotonic clock. */
  expiresAt: Milliseconds;
  timer: Timer | undefined;
  /** Its absence was reported, and no record was seen since. */
  isGone: boolean;
}

/**
 * A watch by Redis's client tracking (`CLIENT TRACKING ON`), on a connection of its own. Each look
 * at a key reads its time to live, which has Redis report the key's next change. So it sees whatever
 * deletes a record, Django and expiry included, and writers send nothing for it.
 *
 * Decision 30 has the costs beside those of pub/sub.
 */
export class RedisRecordWatch implements RecordWatch, TrackingListener {
  readonly #connection: RedisConnection;
  readonly #places: WatchedPlaces;
  readonly #listener: RecordWatchListener;
  readonly #watched = new Map<SessionKey, Watched>();
  /** Watched keys by Redis key: a hash has many. */
  readonly #byPlace = new Map<string, Set<SessionKey>>();
  /** Keys that have to be looked at. */
  readonly #due = new Set<SessionKey>();
  #isLooking = false;
  #isFailing = false;
  #heartbeat: Timer | undefined;

  private constructor(usual: RedisConnection, places: WatchedPlaces, listener: RecordWatchListener) {
    this.#connection = usual.tracking(this);
    this.#places = places;
    this.#listener = listener;
  }

  /** @returns `undefined` if the connection cannot track keys. */
  static open(
    usual: RedisConnection,
    places: WatchedPlaces,
    listener: RecordWatchListener,
  ): RedisRecordWatch | undefined {
    // A slot may move away from the node that tracks a key.
    return usual.canTrack && !usual.isCluster ? new RedisRecordWatch(usual, places, listener) : undefined;
  }

  add(key: SessionKey): void {
    if (this.#watched.has(key)) return;
    this.#watched.set(key, { expiresAt: Number.POSITIVE_INFINITY, timer: undefined, isGone: false });
    const redisKey = this.#places.redisKeyOf(key);
    const others = this.#byPlace.get(redisKey);
    if (others) others.add(key);
    else this.#byPlace.set(redisKey, new Set([key]));
    this.#look(key);
    this.#heartbeat ??= startUnreferencedTimer(HEARTBEAT, () => void this.#beat());
  }

  remove(key: SessionKey): void {
    this.#watched.get(key)?.timer?.stop();
    this.#watched.delete(key);
    this.#due.delete(key);
    const redisKey = this.#places.redisKeyOf(key);
    const others = this.#byPlace.get(redisKey);
    others?.delete(key);
    if (others?.size === 0) this.#byPlace.delete(redisKey);
  }

  async close(): Promise<void> {
    for (const { timer } of this.#watched.values()) timer?.stop();
    for (const keys of [this.#watched, this.#byPlace, this.#due]) keys.clear();
    this.#heartbeat?.stop();
    await this.#connection.close();
  }

  onChange(redisKey: string | undefined): void {
    if (redisKey === undefined) return this.#lookAtAll();
    for (const key of this.#byPlace.get(redisKey) ?? []) this.#look(key);
  }

  onLinkEnd(): void {
    this.#lookAtAll();
  }

  #lookAtAll(): void {
    for (const key of this.#watched.keys()) this.#look(key);
  }

  #look(key: SessionKey): void {
    this.#due.add(key);
    if (this.#isLooking) return;
    this.#isLooking = true;
    // Later: what is added meanwhile is looked at together.
    queueMicrotask(() => void this.#lookAtDue());
  }

  async #lookAtDue(): Promise<void> {
    while (this.#due.size > 0) {
      const step = [...this.#due].slice(0, STEP);
      for (const key of step) this.#due.delete(key);
      const looks = await Promise.allSettled(step.map((key) => this.#lookAt(key)));
      const failed = step.filter((key, at) => looks[at]?.status === "rejected" && this.#watched.has(key));
      if (failed.length === 0) {
        this.#isFailing = false;
        continue;
      }
      for (const key of failed) this.#due.add(key);
      if (this.#noteFailure(looks)) return;
      await pauseUnreferenced(RETRY_AFTER);
    }
    this.#isLooking = false;
  }

  async #lookAt(key: SessionKey): Promise<void> {
    const sentAt = systemClock.monotonic();
    const ttl = await this.#places.ttlOf(key, this.#connection, new Deadline(DEADLINE));
    const watched = this.#watched.get(key);
    if (watched === undefined || typeof ttl !== "number") return;
    watched.timer?.stop();
    if (ttl === NO_RECORD) return this.#noteAbsence(key, watched);
    watched.isGone = false;
    watched.expiresAt = ttl === NO_EXPIRY ? Number.POSITIVE_INFINITY : sentAt + ttl;
    // Redis itself may delete an expired record much later.
    if (ttl !== NO_EXPIRY) watched.timer = startUnreferencedTimer(ttl + 1, () => this.#look(key));
  }

  /** An expired record is found missing twice: its deletion, at the first look, is a change. */
  #noteAbsence(key: SessionKey, watched: Watched): void {
    if (watched.isGone) return;
    watched.isGone = true;
    this.#listener.onGone(key, systemClock.monotonic() < watched.expiresAt ? "deleted" : "expired");
  }

  /** @returns Whether the watch has ended. */
  #noteFailure(looks: readonly PromiseSettledResult<void>[]): boolean {
    const error = looks.find((look) => look.status === "rejected")?.reason as Error;
    if (this.#listener.onRefusal !== undefined && isRefusal(error)) {
      void this.close();
      this.#listener.onRefusal(error);
      return true;
    }
    if (!this.#isFailing) this.#listener.onFailure(error);
    this.#isFailing = true;
    return false;
  }

  async #beat(): Promise<void> {
    // A master that sentinels have replaced may keep its connections open.
    this.#connection.checkLink();
    // A link whose commands are not answered is closed by its connection.
    await this.#connection.pingAll(new Deadline(DEADLINE)).catch(() => {});
    this.#heartbeat =
      this.#watched.size > 0 ? startUnreferencedTimer(HEARTBEAT, () => void this.#beat()) : undefined;
  }
}

function isRefusal({ cause }: Error): boolean {
  return cause instanceof Error && REFUSAL.test(cause.message);
}
