import type { DecodeResult, RecordCodec } from "../../codec/index.ts";
import type { Clock } from "../../core/clock.ts";
import { SessionTooLargeError } from "../../core/errors.ts";
import type { Etag } from "../../core/etag.ts";
import { type CookieAttributes, MAX_MAX_AGE, setCookie } from "../http/cookie.ts";

/**
 * RFC 6265 section 6.1: minimum size that browsers support, "the sum of the length of the cookie's
 * name, value, and attributes".
 */
const MAX_COOKIE_BYTES = 4096;

/** Returns whether a cookie's value may be a record: a longer one is not decoded. */
export function isShortEnough(value: string): boolean {
  return value.length <= MAX_COOKIE_BYTES;
}

/**
 * Codec for records in a cookie: they are bound to its name instead of a key, and have to fit into
 * it.
 */
export class CookieCodec implements RecordCodec {
  readonly format: string;
  readonly metadataFirst: boolean;
  readonly #inner: RecordCodec;
  readonly #name: string;
  readonly #bytesAround: number;

  constructor(inner: RecordCodec, cookie: CookieAttributes, clock: Clock) {
    this.format = inner.format;
    this.metadataFirst = inner.metadataFirst;
    this.#inner = inner;
    this.#name = cookie.name;
    const lifetime = { maxAge: MAX_MAX_AGE, now: clock.now(), isSecure: true };
    this.#bytesAround = Buffer.byteLength(setCookie(cookie, "", lifetime).header);
  }

  /** @throws {SessionTooLargeError} When a browser would drop the cookie. */
  encode(payload: string): string {
    const text = this.#inner.encode(payload, this.#name);
    const bytes = this.#bytesAround + Buffer.byteLength(text);
    if (bytes > MAX_COOKIE_BYTES) throw new SessionTooLargeError(bytes, MAX_COOKIE_BYTES, "cookie");
    return text;
  }

  decode(record: string): DecodeResult {
    return this.#inner.decode(record, this.#name);
  }

  etag(record: string): Etag {
    return this.#inner.etag(record);
  }
}
