import { mergeValues } from "../../session/data/merge.ts";
import type { RecordData } from "./session-records.ts";

/**
 * Merges what a request has changed with what others have, member by member, also within plain
 * objects. The cookie is that of the request.
 *
 * @param base The record as the request has read it.
 * @param mine The session of the request.
 * @param theirs The record as it is now.
 */
export function mergeRecords(base: RecordData, mine: RecordData, theirs: RecordData): RecordData {
  const { value } = mergeValues(withoutCookie(base), withoutCookie(mine), withoutCookie(theirs));
  return { ...(value as RecordData), cookie: mine["cookie"] };
}

function withoutCookie({ cookie: _cookie, ...data }: RecordData): RecordData {
  return data;
}
