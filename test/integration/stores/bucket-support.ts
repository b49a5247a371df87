import { setTimeout as sleep } from "node:timers/promises";

import { newNonce, newSessionKey } from "../../../src/core/ids.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { within } from "../../support/redis-connections.ts";
import type { RedisServer } from "../../support/redis-server.ts";

export const later = () => within();
export const MINUTE = 60_000;

/** Limits for which no warning comes. */
export const LISTPACKS = ["hash-max-listpack-value 1024", "hash-max-listpack-entries 128"];

/** Records live to the end of a second. */
export const advance = (span: number): Promise<void> => sleep(span + 1000);

export type Client = Awaited<ReturnType<RedisServer["client"]>>;

export const recordOf = (nonce: string, text = ""): string =>
  `{"_sojourn":{"nonce":"${nonce}"},"text":${JSON.stringify(text)}}`;

export const etagOf = (nonce: string) => ({ start: 22, text: nonce });

/** Contents of a field, as a plain client reads it. */
export async function fieldBytes(client: Client, hash: string, field: string): Promise<Buffer> {
  const reply: unknown = await client.sendCommand(["HGET", hash, field], { typeMapping: { 36: Buffer } });
  return reply as Buffer;
}

export async function createMany(store: SessionStore, count: number, ttl = MINUTE): Promise<string[]> {
  const keys = Array.from({ length: count }, newSessionKey);
  await inGroups(keys, (key) => store.create(key, recordOf(newNonce()), ttl, later()));
  return keys;
}

/** No client takes any number of commands at once. */
export async function inGroups(
  keys: readonly string[],
  act: (key: string) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < keys.length; start += 1000)
    await Promise.all(keys.slice(start, start + 1000).map(act));
}

export async function keysOf(store: SessionStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.scan(later)) keys.push(key);
  return keys;
}
