import { createHash } from "node:crypto";

/** Maximum length of a key in the protocol, in characters. */
const MAX_KEY = 250;

/** Maximum size of a key that base64 keeps within {@link MAX_KEY}, in bytes. */
const MAX_BINARY_KEY = 186;

const PLAIN = /^[\x21-\x7e]+$/;

/**
 * A key as the protocol takes it. `isBinary`: in base64, which the server decodes.
 */
export interface MetaKey {
  readonly text: string;
  readonly isBinary: boolean;
}

/**
 * Returns the key of an entry. One that the protocol takes stays as it is. Any other goes in base64,
 * and one that is too long for that by its SHA-256: behind a byte that no UTF-8 text has, so that no
 * two entries share a key.
 */
export function toMetaKey(key: string): MetaKey {
  if (key.length <= MAX_KEY && PLAIN.test(key)) return { text: key, isBinary: false };
  const bytes = Buffer.from(key);
  const binary =
    bytes.length <= MAX_BINARY_KEY
      ? bytes
      : Buffer.concat([Buffer.of(0xff), createHash("sha256").update(bytes).digest()]);
  return { text: binary.toString("base64"), isBinary: true };
}
