import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { Etag } from "../core/etag.ts";
import type { SessionKey } from "../core/ids.ts";
import type { DecodeResult, RecordCodec } from "./record-codec.ts";
import type { Secrets } from "./signer.ts";

// Version of the format.
const HEAD = "sojourn1.";
const IV_BYTES = 12;
const TAG_BYTES = 16;
const IV_LENGTH = 16;
const FORM = /^sojourn1\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+$/;

/**
 * Encrypts records of another format with AES-256-GCM (NIST SP 800-38D), under a key that
 * HKDF-SHA-256 (RFC 5869) derives from the secret and the storage key of the record.
 *
 * A record that is moved to another storage key therefore does not decrypt, and no encryption key
 * is used for enough records to make random initialisation vectors collide (section 8.3 allows
 * 2^32). The vector, new in every commit, is the etag.
 */
export class EncryptedCodec implements RecordCodec {
  readonly format: string;
  readonly metadataFirst: boolean;
  readonly #inner: RecordCodec;
  readonly #secrets: readonly [string, ...string[]];

  constructor(inner: RecordCodec, { secretKey, secretKeyFallbacks = [] }: Secrets) {
    this.format = `${inner.format}, encrypted`;
    this.metadataFirst = inner.metadataFirst;
    this.#inner = inner;
    this.#secrets = [secretKey, ...secretKeyFallbacks];
  }

  encode(payload: string, storageKey: SessionKey): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", deriveKey(this.#secrets[0], storageKey), iv);
    const sealed = [
      cipher.update(this.#inner.encode(payload, storageKey), "utf8"),
      cipher.final(),
      cipher.getAuthTag(),
    ];
    return `${HEAD}${iv.toString("base64url")}.${Buffer.concat(sealed).toString("base64url")}`;
  }

  decode(record: string, storageKey: SessionKey): DecodeResult {
    if (!FORM.test(record)) return { ok: false, reason: "malformed" };
    const iv = Buffer.from(record.slice(HEAD.length, HEAD.length + IV_LENGTH), "base64url");
    const sealed = Buffer.from(record.slice(HEAD.length + IV_LENGTH + 1), "base64url");
    if (sealed.length < TAG_BYTES) return { ok: false, reason: "malformed" };
    for (const [index, secret] of this.#secrets.entries()) {
      const opened = open(deriveKey(secret, storageKey), iv, sealed);
      if (opened !== undefined) return outdatedIf(index > 0, this.#inner.decode(opened, storageKey));
    }
    return { ok: false, reason: "bad-signature" };
  }

  etag(record: string): Etag {
    return new Etag(HEAD.length, record.slice(HEAD.length, HEAD.length + IV_LENGTH));
  }
}

function deriveKey(secret: string, storageKey: SessionKey): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, storageKey, "sojourn session record, AES-256-GCM", 32));
}

function open(key: Buffer, iv: Buffer, sealed: Buffer): string | undefined {
  const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return decipher.update(sealed.subarray(0, -TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
  } catch {
    // Another secret, another storage key and a forgery cannot be told apart.
    return undefined;
  }
}

function outdatedIf(isOutdated: boolean, result: DecodeResult): DecodeResult {
  if (!result.ok || !isOutdated) return result;
  return { ok: true, value: { ...result.value, isOutdated } };
}
