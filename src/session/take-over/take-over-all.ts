import type { Deadline } from "../../core/deadlines.ts";
import { SessionInterrupted } from "../../core/errors.ts";
import { settled } from "../../stores/partial-failures.ts";
import { inSteps } from "../users/steps.ts";
import { etagOf, readEarlier } from "./earlier-record.ts";
import type { EarlierSessions } from "./earlier-sessions.ts";
import type { OpenTakeOver } from "./make-take-over.ts";

/** Number of records by outcome; see `sessions.takeOverAll`. */
export interface TakeOverCounts {
  /** Taken over; with `dryRun`: fit to be. */
  readonly moved: number;
  /** Taken over before, by a request or another run; what was left of the record is deleted. */
  readonly present: number;
  /** Gone since the scan found them, or beyond the end that they state. */
  readonly expired: number;
  /** Not a JSON object, or larger than `sessions.maxBytes`. They are left unchanged. */
  readonly unreadable: number;
}

/** Parameters of a {@link takeOverAll}. */
export interface TakeOverWalk {
  readonly isDry: boolean;
  readonly pageDeadline: () => Deadline;
  readonly onProgress?: ((counts: TakeOverCounts) => void) | undefined;
}

/** Time after which the request that has taken a session over is done with the earlier record. */
const SETTLED_AFTER = 60_000;

type Counts = { -readonly [Name in keyof TakeOverCounts]: number };

/**
 * Takes over all sessions of the sources, page by page. After a failure or an interruption, another
 * call goes on: what has been moved is no longer among the records.
 */
export async function takeOverAll(open: OpenTakeOver, walk: TakeOverWalk): Promise<TakeOverCounts> {
  const counts: Counts = { moved: 0, present: 0, expired: 0, unreadable: 0 };
  for (const source of open.sources) {
    for await (const ids of source.records.scan(walk.pageDeadline)) {
      if (ids.length === 0) continue;
      const act = (id: string, deadline: Deadline) =>
        walk.isDry ? look(open, source, id, deadline) : take(open, source, id, deadline);
      for (const outcome of await inSteps(ids, walk.pageDeadline, act)) counts[outcome] += 1;
      walk.onProgress?.({ ...counts });
    }
  }
  return counts;
}

/** Tells what {@link take} would do. */
async function look(
  { takeOver, keys }: OpenTakeOver,
  source: EarlierSessions,
  id: string,
  deadline: Deadline,
): Promise<keyof TakeOverCounts> {
  const read = await source.records.read(id, deadline);
  if (read === "absent") return "expired";
  if (await keys.find(source.name, id, deadline)) return "present";
  const content = read === "too-large" ? undefined : readEarlier(read.text, source.format);
  if (read === "too-large" || content === undefined) return "unreadable";
  return takeOver.lifeOf(read, content) > 0 ? "moved" : "expired";
}

async function take(
  { takeOver, keys, clock }: OpenTakeOver,
  source: EarlierSessions,
  id: string,
  deadline: Deadline,
): Promise<keyof TakeOverCounts> {
  const taken = await keys.find(source.name, id, deadline);
  if (taken !== undefined) {
    // A process that was interrupted has left the record.
    if (clock.now() - taken.at > SETTLED_AFTER) await deleteLeft(source, id, deadline);
    return "present";
  }
  try {
    const { status } = await takeOver.move(source, id, { userAgent: undefined }, deadline);
    return status === "absent" ? "expired" : status;
  } catch (error) {
    // Its user was revoked in this very moment.
    if (error instanceof SessionInterrupted) return "expired";
    throw error;
  }
}

async function deleteLeft({ records }: EarlierSessions, id: string, deadline: Deadline): Promise<void> {
  const read = await records.read(id, deadline);
  if (typeof read === "object") await settled(records.deleteIfMatch(id, etagOf(read.text), deadline));
}
