import { constants, deflateSync, inflateSync } from "node:zlib";
import type { UndecodableReason } from "./record-codec.ts";
import { type Secrets, TimestampSigner } from "./signer.ts";

/** Result of {@link JsonSigner.loads}. */
export type LoadsResult =
  | { readonly ok: true; readonly json: string; readonly timestamp: number; readonly isOutdated: boolean }
  | { readonly ok: false; readonly reason: UndecodableReason };

/** Options of {@link JsonSigner}. */
export interface JsonSignerOptions {
  /** Maximum inflated size of a compressed value, in bytes. */
  readonly maxInflatedBytes: number;
}

/**
 * `django.core.signing.dumps` and `loads`, on JSON text instead of values: base64url, compressed
 * with zlib if that saves more than a byte (marked by a leading `.`), then signed with a timestamp.
 */
export class JsonSigner {
  readonly #signer: TimestampSigner;
  readonly #maxInflatedBytes: number;

  /** @param salt Separates uses of one secret; Django's default is `django.core.signing`. */
  constructor(secrets: Secrets, salt: string, { maxInflatedBytes }: JsonSignerOptions) {
    this.#signer = new TimestampSigner(secrets, salt);
    this.#maxInflatedBytes = maxInflatedBytes;
  }

  /**
   * @param json JSON text; characters outside of ASCII are escaped, as Python's `ensure_ascii`
   *   does.
   * @param timestamp Seconds since the epoch.
   */
  dumps(json: string, timestamp: number, { compress = false }: { readonly compress?: boolean } = {}): string {
    const bytes = Buffer.from(escapeNonAscii(json), "latin1");
    const deflated = compress ? deflate(bytes) : undefined;
    const body =
      deflated && deflated.length < bytes.length - 1
        ? `.${deflated.toString("base64url")}`
        : bytes.toString("base64url");
    return this.#signer.sign(body, timestamp);
  }

  /** Verifies and unpacks a text. The JSON itself is not checked. */
  loads(signed: string): LoadsResult {
    const unsigned = this.#signer.unsign(signed);
    if (unsigned === undefined) return { ok: false, reason: "bad-signature" };
    const { value, ...origin } = unsigned;
    if (!value.startsWith(".")) {
      return { ok: true, json: Buffer.from(value, "base64url").toString("latin1"), ...origin };
    }
    const inflated = this.#inflate(Buffer.from(value.slice(1), "base64url"));
    if (typeof inflated === "string") return { ok: false, reason: inflated };
    return { ok: true, json: inflated.toString("latin1"), ...origin };
  }

  #inflate(deflated: Buffer): Buffer | UndecodableReason {
    try {
      return inflateSync(deflated, {
        maxOutputLength: this.#maxInflatedBytes,
        finishFlush: constants.Z_FINISH,
        chunkSize: Math.min(MAX_CHUNK, Math.max(MIN_CHUNK, USUAL_RATIO * deflated.length)),
      });
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? "too-large" : "malformed";
    }
  }
}

// Sizes of zlib's output buffer, in bytes: Node's default of 16 KiB costs more to allocate than a
// session to inflate.
const [MIN_CHUNK, MAX_CHUNK] = [1024, 16_384];

/** Ratio that the JSON of a session seldom exceeds; beyond it zlib fills another buffer. */
const USUAL_RATIO = 6;

/**
 * Compresses bytes with a window that is no larger than they need. It takes a fifth less time for a
 * session, and zlib's state has some 12 KiB in place of 256. Python reads any window.
 */
function deflate(bytes: Buffer): Buffer {
  const windowBits = Math.min(
    constants.Z_MAX_WINDOWBITS,
    Math.max(9, Math.ceil(Math.log2(bytes.length + 1))),
  );
  return deflateSync(bytes, {
    windowBits,
    // A lower level ends a block after some hundred symbols, which takes a third longer.
    memLevel: Math.min(8, windowBits - 5),
    chunkSize: Math.min(MAX_CHUNK, Math.max(MIN_CHUNK, bytes.length)),
  });
}

/**
 * Escapes the characters that Python's `ensure_ascii` escapes: DEL and everything beyond ASCII, as
 * lower-case `\uXXXX` units.
 */
export function escapeNonAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
