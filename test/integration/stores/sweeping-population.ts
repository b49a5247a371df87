import { createHash } from "node:crypto";

import type { Etag } from "../../../src/core/etag.ts";
import type { SessionKey } from "../../../src/core/ids.ts";

/** The engines whose sweep is tested with many records. */
export type SweptEngine = "redis" | "postgres";

/** The state of a session when the sweep began. */
export type Kind = "live" | "expired";

/** A record and the etag of it. */
export interface Version {
  readonly record: string;
  readonly etag: Etag;
}

/** Numbered sessions of an engine, in the form in which it keeps them. */
export interface Population {
  readonly keyOf: (kind: Kind, number: number) => SessionKey;
  /** @param version 0 at first, then counted by who changes it. */
  readonly versionOf: (kind: Kind, number: number, version: number) => Version;
}

/** As `hashKeyGenerator` makes them: 36^3. */
export const HASH_COUNT = 46_656;

const TEXT = "x".repeat(150);
const NONCE_AT = '{"_sojourn":{"nonce":"'.length;

/** 32 hexadecimal digits. PostgreSQL has the same function. */
function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

/** Evenly over the hashes; the session of a number lies in the same one whatever its kind. */
const redis: Population = {
  keyOf: (kind, number) => hashNameOf(number % HASH_COUNT) + md5(`${kind}:${number}`).slice(0, 29),
  versionOf: (kind, number, version) => {
    const nonce = md5(`${kind}${version}:${number}`).slice(0, 16);
    const record = `{"_sojourn":{"nonce":"${nonce}"},"n":${number},"version":${version},"text":"${TEXT}"}`;
    return { record, etag: { start: NONCE_AT, text: nonce } };
  },
};

/** The three characters that name a hash. */
export function hashNameOf(index: number): string {
  return index.toString(36).padStart(3, "0");
}

/** Texts of the form of Django's: base64, time, 43 characters of a signature. The store never looks into them. */
const postgres: Population = {
  keyOf: (kind, number) => md5(`${kind}:${number}`),
  versionOf: (kind, number, version) => {
    const data = Buffer.from(`{"n":${number},"version":${version},"text":"${TEXT}"}`).toString("base64url");
    const signature = (md5(`${kind}${version}:${number}`) + md5(`${kind}${version};${number}`)).slice(0, 43);
    return { record: `${data}:1tJ8Zq:${signature}`, etag: { start: -43, text: signature } };
  },
};

/** The same as {@link postgres} in SQL, for a column `n`. */
export function postgresColumns(kind: Kind): { readonly key: string; readonly record: string } {
  const json = `convert_to('{"n":' || n || ',"version":0,"text":"${TEXT}"}', 'UTF8')`;
  const signature = `substr(md5('${kind}0:' || n) || md5('${kind}0;' || n), 1, 43)`;
  return {
    key: `md5('${kind}:' || n)`,
    record: `translate(encode(${json}, 'base64'), E'+/=\\n', '-_') || ':1tJ8Zq:' || ${signature}`,
  };
}

export const POPULATIONS: Readonly<Record<SweptEngine, Population>> = { redis, postgres };
