import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { isSessionKey, type SessionKey } from "../../core/ids.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Encrypts a session key under another one (AES-256-GCM, key by HKDF-SHA-256 of RFC 5869), so that
 * only the browser with the old key can read the new one, not the store or its readers.
 */
export function sealKey(key: SessionKey, under: SessionKey): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", deriveKey(under), iv);
  return Buffer.concat([iv, cipher.update(key, "latin1"), cipher.final(), cipher.getAuthTag()]).toString(
    "base64url",
  );
}

/** @returns `undefined` for a text that was not sealed under this key. */
export function openSealedKey(sealed: string, under: SessionKey): SessionKey | undefined {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length !== IV_BYTES + KEY_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", deriveKey(under), bytes.subarray(0, IV_BYTES));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const key =
      decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, "latin1") + decipher.final("latin1");
    return isSessionKey(key) ? key : undefined;
  } catch {
    // The tag does not match: another key, or a foreign text.
    return undefined;
  }
}

function deriveKey(key: SessionKey): Buffer {
  return Buffer.from(hkdfSync("sha256", key, "", "sojourn.moved", KEY_BYTES));
}
