import { createHash, randomBytes, randomFillSync } from "node:crypto";

/**
 * A session key in Django's form: 32 characters of `[a-z0-9]`, 165 bits. It is a secret: never log
 * it.
 */
export type SessionKey = string;

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const KEY_LENGTH = 32;
const KEY_FORM = /^[a-z0-9]{32}$/;

// 252 is the largest multiple of 36 that fits in a byte: bytes above it would favour the first four
// characters.
const CUTOFF = 252;

/**
 * Makes a session key from the system's random source (Django: `SessionBase._get_new_session_key`).
 */
export function newSessionKey(): SessionKey {
  let key = "";
  while (key.length < KEY_LENGTH) {
    for (const byte of randomBytes(KEY_LENGTH + 8)) {
      if (byte < CUTOFF && key.length < KEY_LENGTH) key += ALPHABET[byte % 36];
    }
  }
  return key;
}

/** Returns whether a text has the form of a session key. Only such a text ever reaches a store. */
export function isSessionKey(text: string): text is SessionKey {
  return KEY_FORM.test(text);
}

const NONCE_BYTES = 8;

// A call of the random source takes 5 us, whether for 8 bytes or for 4096.
const pool = Buffer.alloc(512 * NONCE_BYTES);
let taken = pool.length;

/** Returns a new 64-bit nonce, as 16 hexadecimal digits. Each commit puts one into the record. */
export function newNonce(): string {
  if (taken === pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  taken += NONCE_BYTES;
  return pool.toString("hex", taken - NONCE_BYTES, taken);
}

/**
 * Returns the storage key of a session for a store that must not know the browser's key: its
 * SHA-256, in the same form. A key has 165 bits, so it cannot be found by trying, and the hash
 * needs no secret that could change.
 */
export function hashSessionKey(key: SessionKey): SessionKey {
  const digest = BigInt(`0x${createHash("sha256").update(key).digest("hex")}`);
  return digest.toString(36).padStart(KEY_LENGTH, "0").slice(-KEY_LENGTH);
}
