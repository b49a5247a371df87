import type { Milliseconds } from "../../../core/clock.ts";
import { Deadline } from "../../../core/deadlines.ts";
import type { SessionStore } from "../../session-store.ts";

/** How long one page of the walk, and one record, may take. */
const DEADLINE: Milliseconds = 1000;

/**
 * Reads some of a store's records, in the order in which it walks through them: of Redis, that is by chance.
 *
 * @param count Most that it reads, from 0. @defaultValue 3000
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
