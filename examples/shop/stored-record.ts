import { inflateSync } from "node:zlib";
import type { Session } from "sojourn";
import { Deadline, type RedisConnection } from "sojourn/redis";
import type { ShopData } from "./session-data.ts";

/** A session's record in Redis. */
export interface StoredRecord {
  /**
   * The key in Redis, with only the first four characters of the session's own key, which is a
   * secret.
   */
  readonly maskedKey: string;
  readonly text: string;
  /** Milliseconds until Redis deletes it. */
  readonly ttl: number;
}

export type FindRecord = (session: Session<ShopData>) => Promise<StoredRecord | undefined>;

const PATIENCE_MS = 1000;

/** Finds the record of the given session only. */
export function recordsIn(redis: RedisConnection, prefix: string): FindRecord {
  return async ({ cookieHeader }) => {
    const key = cookieHeader?.split("=")[1];
    if (key === undefined) return undefined;
    const whole = prefix + key;
    const deadline = new Deadline(PATIENCE_MS);
    const [text, ttl] = await Promise.all([
      redis.command(["GET", whole], deadline, whole),
      redis.command(["PTTL", whole], deadline, whole),
    ]);
    if (typeof text !== "string" || typeof ttl !== "number") return undefined;
    return { maskedKey: prefix + key.slice(0, 4) + "•".repeat(key.length - 4), text, ttl };
  };
}

/** The three parts of a text of Django's `signing.dumps`, with the first two decoded. */
export interface SignedText {
  readonly parts: readonly [data: string, time: string, signature: string];
  readonly json: string;
  readonly signedAt: Date;
}

/** Decodes a text without checking its signature, for display only. */
export function readSigned(text: string): SignedText {
  const [data = "", time = "", signature = ""] = text.split(":");
  return {
    parts: [data, time, signature],
    json: readData(data),
    signedAt: new Date(readBase62(time) * 1000),
  };
}

function readData(data: string): string {
  if (!data.startsWith(".")) return Buffer.from(data, "base64url").toString();
  return inflateSync(Buffer.from(data.slice(1), "base64url")).toString();
}

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function readBase62(text: string): number {
  return text.split("").reduce((number, digit) => number * 62 + BASE62.indexOf(digit), 0);
}
