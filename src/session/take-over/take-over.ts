import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { UndecodableReason } from "../../codec/index.ts";
import type { Clock, Milliseconds } from "../../core/clock.ts";
import { Deadline } from "../../core/deadlines.ts";
import type { EarlierRecord } from "../../stores/earlier-records.ts";
import { isNotSent, settled } from "../../stores/partial-failures.ts";
import { mergeDelta } from "../data/merge.ts";
import type { SessionRecord } from "../record/session-record.ts";
import type { SessionEventEmitter } from "../session-events.ts";
import type { SessionHome } from "../session-home.ts";
import { FoundSession } from "../session-origin.ts";
import type { StoredSession } from "../stored/record-writer.ts";
import type { LoadResult } from "../stored/session-records.ts";
import { deltaOf, type EarlierContent, etagOf, readEarlier, withoutMetadata } from "./earlier-record.ts";
import type { EarlierSessions } from "./earlier-sessions.ts";
import type { TakenOver, TakenOverKeys } from "./taken-over-keys.ts";

/** Dependencies of {@link TakeOver}. */
export interface TakeOverParts {
  readonly sources: readonly EarlierSessions[];
  /** The home of Sojourn's own sessions. */
  readonly home: SessionHome;
  readonly keys: TakenOverKeys;
  readonly events: SessionEventEmitter;
  readonly clock: Clock;
  /** Minimum time for which a taken-over id is remembered. */
  readonly idle: Milliseconds;
}

/** Data of the request, for the user's list of devices. */
export interface Visit {
  readonly userAgent: string | undefined;
}

/**
 * Outcome for one record. `"present"`: it had been taken over before; `"absent"`: there is none;
 * `"expired"`: the record states an end that has passed.
 */
export type TakeOverOutcome =
  | { readonly status: "moved"; readonly stored: StoredSession }
  | { readonly status: "present"; readonly taken: TakenOver }
  | { readonly status: "absent" | "expired" }
  | { readonly status: "unreadable"; readonly reason: UndecodableReason };

/** Maximum number of records whose failure is remembered, so that it is reported once. */
const MAX_REPORTED = 1000;

/**
 * Takes over sessions of another library, each once, at any number of processes:
 *
 * 1. The record is read, and stored as a session of Sojourn, under a new key that nobody knows yet.
 * 2. The key is remembered under the earlier id. The first to do so decides; any other one deletes
 *    its own new session, and takes that of the first.
 * 3. The earlier record is deleted, if it is still the version that was read; otherwise the changes
 *    since are merged into the session. If it is gone, it was ended since, and so is the session.
 *
 * A process that stops after step 1 leaves a session that no one can reach, and nothing else. Since
 * the key stays remembered, a session that has ended is not taken over again.
 */
export class TakeOver {
  readonly #parts: TakeOverParts;
  readonly #reported = new LRUCache<string, true>({ maxSize: MAX_REPORTED, sizeCalculation: () => 1 });

  readonly #underWay = new Map<string, Promise<TakeOverOutcome>>();

  constructor(parts: TakeOverParts) {
    this.#parts = parts;
  }

  /** Finds the session of an earlier id, if it was taken over. */
  async find(source: EarlierSessions, id: string, deadline: Deadline): Promise<FoundSession | undefined> {
    const taken = await this.#parts.keys.find(source.name, id, deadline);
    return taken && this.#load(taken, deadline);
  }

  /** Takes a session over. @returns `undefined` if there is none. */
  async bring(
    source: EarlierSessions,
    id: string,
    visit: Visit,
    deadline: Deadline,
  ): Promise<FoundSession | undefined> {
    const outcome = await this.#moveOnce(source, id, visit, deadline);
    if (outcome.status === "moved") {
      const { stored } = outcome;
      return new FoundSession(this.#parts.home, stored.key, { status: "live", stored });
    }
    if (outcome.status === "present") return this.#load(outcome.taken, deadline);
    if (outcome.status === "unreadable") this.report(source, id, outcome.reason);
    return undefined;
  }

  /** Lets the requests of this process that come at the same time share one move. */
  async #moveOnce(
    source: EarlierSessions,
    id: string,
    visit: Visit,
    deadline: Deadline,
  ): Promise<TakeOverOutcome> {
    const name = `${source.name}:${id}`;
    const others = this.#underWay.get(name);
    // A failure is that of the first request alone: its deadline may have passed earlier.
    if (others !== undefined)
      return (await others.catch(() => undefined)) ?? this.move(source, id, visit, deadline);
    const moving = this.move(source, id, visit, deadline);
    this.#underWay.set(name, moving);
    try {
      return await moving;
    } finally {
      this.#underWay.delete(name);
    }
  }

  /** Takes one record over. */
  async move(
    source: EarlierSessions,
    id: string,
    visit: Visit,
    deadline: Deadline,
  ): Promise<TakeOverOutcome> {
    const read = await source.records.read(id, deadline);
    if (read === "too-large") return { status: "unreadable", reason: "too-large" };
    if (read === "absent") {
      // Another request may have taken it over since.
      const taken = await this.#parts.keys.find(source.name, id, deadline);
      return taken ? { status: "present", taken } : { status: "absent" };
    }
    const content = readEarlier(read.text, source.format);
    if (content === undefined) return { status: "unreadable", reason: "malformed" };
    const ttl = this.lifeOf(read, content);
    if (ttl <= 0) return { status: "expired" };
    return this.#store({ source, id, read, content, ttl, visit }, deadline);
  }

  /** Returns the remaining life of a record. */
  lifeOf(read: EarlierRecord, { end }: EarlierContent): Milliseconds {
    const { clock, idle } = this.#parts;
    return Math.min(read.ttl ?? idle, end === undefined ? Number.POSITIVE_INFINITY : end - clock.now());
  }

  /** Emits that a cookie or a record gives no session: once, as far as this process remembers. */
  report(source: EarlierSessions, id: string, reason: UndecodableReason): void {
    const name = createHash("sha256").update(`${source.name}:${reason}:${id}`).digest("base64url");
    if (this.#reported.has(name)) return;
    this.#reported.set(name, true);
    this.#parts.events.emit("notTakenOver", { from: source.name, reason });
  }

  async #store(moving: Moving, deadline: Deadline): Promise<TakeOverOutcome> {
    const { records } = this.#parts.home;
    const { source, id, content, ttl, visit } = moving;
    const { clock, keys, events, idle } = this.#parts;
    const record = withoutMetadata(content.record).withMetadata({ created: clock.now() });
    // It takes the place of the earlier one: no other session of the user has to make room.
    const creation = { userAgent: visit.userAgent, takesPlace: true };
    const stored = await records.create(record, creation, deadline, ttl);
    if (stored === undefined) return { status: "expired" };
    const adding = keys.add(source.name, id, stored, Math.max(ttl, idle), deadline);
    const first = await adding.catch(async (error: unknown) => {
      // Its key is known to nobody, unless the answer alone was lost.
      if (isNotSent(error)) await this.#discard(stored, deadline);
      throw error;
    });
    if (first !== undefined) {
      await this.#discard(stored, deadline);
      return { status: "present", taken: first };
    }
    await settled(records.recordActivity(stored, visit.userAgent, deadline));
    const newest = await this.#retire(moving, stored, deadline);
    if (newest === undefined) return { status: "absent" };
    events.emit("takenOver", { session: events.nameOf(stored.storageKey), from: source.name });
    return { status: "moved", stored: newest };
  }

  /**
   * Deletes a session whose key nobody knows. It has the full time: one that stays would be on the
   * user's list until it expires.
   */
  async #discard(stored: StoredSession, { total }: Deadline): Promise<void> {
    const { home, clock } = this.#parts;
    await settled(home.records.discard(stored, new Deadline(total, clock)));
  }

  /**
   * Deletes the earlier record. If it cannot be deleted it has no effect, since the id is
   * remembered.
   *
   * @returns The session with the changes that were written since; `undefined` if the earlier
   *   session was ended since, and this one therefore as well.
   */
  async #retire(
    { source, id, read, content }: Moving,
    stored: StoredSession,
    deadline: Deadline,
  ): Promise<StoredSession | undefined> {
    const { records } = this.#parts.home;
    let [newest, text, base] = [stored, read.text, content.record];
    for (;;) {
      const result = await settled(source.records.deleteIfMatch(id, etagOf(text), deadline));
      if (result?.status === "gone") {
        await records.delete(newest, deadline);
        return undefined;
      }
      const theirs = result?.status === "conflict" ? readEarlier(result.record, source.format) : undefined;
      if (result?.status !== "conflict" || theirs === undefined) return newest;
      const committed = await this.#merge(newest, base, theirs, deadline);
      if (committed === undefined) return newest;
      [newest, text, base] = [committed, result.record, theirs.record];
    }
  }

  /** Applies the changes of an earlier record to its session. */
  async #merge(
    stored: StoredSession,
    base: SessionRecord,
    { record }: EarlierContent,
    deadline: Deadline,
  ): Promise<StoredSession | undefined> {
    const delta = deltaOf(base, record);
    const textOf = (key: string): string | undefined => base.members.get(key)?.text;
    const change = (present: SessionRecord) =>
      delta.size === 0 ? undefined : mergeDelta(delta, { textOf }, present);
    return (await this.#parts.home.records.commit(stored, change, deadline)).stored;
  }

  async #load({ keys }: TakenOver, deadline: Deadline): Promise<FoundSession | undefined> {
    if (keys === undefined) return undefined;
    const { home } = this.#parts;
    const loaded: LoadResult = await home.records.load(keys.key, deadline);
    return new FoundSession(home, keys.key, loaded);
  }
}

/** A record that is being taken over. */
interface Moving {
  readonly source: EarlierSessions;
  readonly id: string;
  readonly read: EarlierRecord;
  readonly content: EarlierContent;
  readonly ttl: Milliseconds;
  readonly visit: Visit;
}
