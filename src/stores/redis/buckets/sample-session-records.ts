import type { Milliseconds } from "../../../core/clock.ts";
import { Deadline } from "../../../core/deadlines.ts";
import type { SessionStore } from "../../session-store.ts";

/** Deadline of one page of the walk, and of one record. */
const DEADLINE: Milliseconds = 1000;

/**
 * Reads some of a store's records, in the order of its walk: in Redis, that is random.
 *
 * @param count Maximum number of records, from 0.
 *
 * @defaultValue 3000
 * @throws {StoreConnectionError} No connection, or a page or record took longer than a second.
 * @throws {StoreServiceError} The store answered with an error.
 */
export async function sampleSessionRecords(store: SessionStore, count: number = 3000): Promise<string[]> {
  const records: string[] = [];
  for await (const key of store.scan(() => new Deadline(DEADLINE))) {
    if (records.length >= count) break;
    const record = await store.read(key, new Deadline(DEADLINE));
    if (record !== undefined) records.push(record);
  }
  return records;
}
