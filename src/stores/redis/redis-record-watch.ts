import { type Milliseconds, systemClock } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import type { SessionKey } from "../../core/ids.ts";
import { startUnreferencedTimer, type Timer } from "../../core/timers.ts";
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

/** Maximum number of looks under way: a write to the socket that costs less than 1 ms of Redis's time. */
const MOST = 200;

/** Maximum number of repeated looks under way: others go on beside those that wait for a node. */
const MOST_REPEATED = 100;

const DEADLINE: Milliseconds = 1000;

/** Interval of attempts while Redis does not answer. */
const RETRY_AFTER: Milliseconds = 250;

/**
 * Interval of the commands that show whether the link still stands. Without any, a link that a
 * firewall has dropped silently would never be missed.
 */
const HEARTBEAT: Milliseconds = 2000;

/** Minimum time between two looks at all on a cluster, where a resharding tells of each moved slot. */
const LOOK_GAP: Milliseconds = 1000;

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
  /** Keys whose last look has failed. Others go on meanwhile: on a cluster, one node may be away. */
  readonly #failing = new Set<SessionKey>();
  /** Those of them that have to be looked at again. */
  readonly #again = new Set<SessionKey>();
  #underWay = 0;
  #repeatedUnderWay = 0;
  #isLookingSoon = false;
  #retry: Timer | undefined;
  #lookedAtAllAt: Milliseconds = Number.NEGATIVE_INFINITY;
  #lookAtAllLater: Timer | undefined;
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
    return usual.canTrack ? new RedisRecordWatch(usual, places, listener) : undefined;
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
    for (const keys of [this.#due, this.#failing, this.#again]) keys.delete(key);
    const redisKey = this.#places.redisKeyOf(key);
    const others = this.#byPlace.get(redisKey);
    others?.delete(key);
    if (others?.size === 0) this.#byPlace.delete(redisKey);
  }

  async close(): Promise<void> {
    for (const { timer } of this.#watched.values()) timer?.stop();
    for (const keys of [this.#watched, this.#byPlace, this.#due, this.#failing, this.#again]) keys.clear();
    for (const timer of [this.#heartbeat, this.#retry, this.#lookAtAllLater]) timer?.stop();
    await this.#connection.close();
  }

  onChange(redisKey: string | undefined): void {
    if (redisKey === undefined) return this.#lookAtAll();
    for (const key of this.#byPlace.get(redisKey) ?? []) this.#look(key);
  }

  onLinkEnd(): void {
    if (this.#lookAtAllLater !== undefined) return;
    const now = systemClock.monotonic();
    const wait = this.#connection.isCluster ? this.#lookedAtAllAt + LOOK_GAP - now : 0;
    if (wait <= 0) {
      this.#lookedAtAllAt = now;
      return this.#lookAtAll();
    }
    this.#lookAtAllLater = startUnreferencedTimer(wait, () => {
      this.#lookAtAllLater = undefined;
      this.onLinkEnd();
    });
  }

  #lookAtAll(): void {
    for (const key of this.#watched.keys()) this.#look(key);
  }

  #look(key: SessionKey): void {
    this.#due.add(key);
    if (this.#isLookingSoon) return;
    this.#isLookingSoon = true;
    // Later: what is added meanwhile is looked at together.
    queueMicrotask(() => {
      this.#isLookingSoon = false;
      this.#lookAtDue();
    });
  }

  #lookAtDue(): void {
    for (const key of this.#due) {
      if (this.#underWay >= MOST) return;
      this.#due.delete(key);
      this.#again.delete(key);
      void this.#attempt(key);
    }
    for (const key of this.#again) {
      if (this.#underWay >= MOST || this.#repeatedUnderWay >= MOST_REPEATED) return;
      this.#again.delete(key);
      this.#repeatedUnderWay++;
      void this.#attempt(key, () => this.#repeatedUnderWay--);
    }
  }

  async #attempt(key: SessionKey, onEnd?: () => void): Promise<void> {
    this.#underWay++;
    try {
      await this.#lookAt(key);
      this.#failing.delete(key);
    } catch (error) {
      if (this.#watched.has(key)) this.#noteFailure(key, error as Error);
    }
    this.#underWay--;
    onEnd?.();
    this.#lookAtDue();
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

  #noteFailure(key: SessionKey, error: Error): void {
    if (this.#listener.onRefusal !== undefined && isRefusal(error)) {
      void this.close();
      return this.#listener.onRefusal(error);
    }
    const isFirst = this.#failing.size === 0;
    this.#failing.add(key);
    this.#retry ??= startUnreferencedTimer(RETRY_AFTER, () => {
      this.#retry = undefined;
      for (const each of this.#failing) this.#again.add(each);
      this.#lookAtDue();
    });
    if (isFirst) this.#listener.onFailure(error);
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
