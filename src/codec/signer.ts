import { createHash, createHmac, type KeyObject, createSecretKey, timingSafeEqual } from "node:crypto";
import { decodeBase62, encodeBase62 } from "./base62.ts";

/** Secrets of a Django site. */
export interface Secrets {
  /** `SECRET_KEY`: signs and verifies. */
  readonly secretKey: string;
  /** `SECRET_KEY_FALLBACKS`: verify only. @defaultValue `[]` */
  readonly secretKeyFallbacks?: readonly string[] | undefined;
}

/** A value with a valid signature. */
export interface Unsigned {
  readonly value: string;
  /** Whether a fallback secret has signed it. */
  readonly isOutdated: boolean;
}

/** Length of an unpadded base64url SHA-256, in characters. */
export const SIGNATURE_LENGTH = 43;

/**
 * `django.core.signing.Signer` with SHA-256 (Django 3.1 and newer): `value:signature`, where the
 * signature is an unpadded base64url HMAC-SHA256 under the key SHA-256(salt + "signer" + secret).
 */
export class Signer {
  readonly #signingKey: KeyObject;
  readonly #verifyingKeys: readonly KeyObject[];

  constructor({ secretKey, secretKeyFallbacks = [] }: Secrets, salt: string) {
    this.#signingKey = deriveKey(salt, secretKey);
    this.#verifyingKeys = [this.#signingKey, ...secretKeyFallbacks.map((secret) => deriveKey(salt, secret))];
  }

  sign(value: string): string {
    return `${value}:${signature(this.#signingKey, value)}`;
  }

  /** @returns `undefined` when the signature is missing or wrong under every secret. */
  unsign(signed: string): Unsigned | undefined {
    const separator = signed.lastIndexOf(":");
    if (separator < 0 || signed.length - separator - 1 !== SIGNATURE_LENGTH) return undefined;
    const value = signed.slice(0, separator);
    // Compares the texts, not the decoded bytes: two bits of the last character decode to nothing.
    const given = Buffer.from(signed.slice(separator + 1), "latin1");
    const fits = (key: KeyObject) => timingSafeEqual(given, Buffer.from(signature(key, value), "latin1"));
    const index = this.#verifyingKeys.findIndex(fits);
    return index < 0 ? undefined : { value, isOutdated: index > 0 };
  }
}

/**
 * `django.core.signing.TimestampSigner`: `value:timestamp:signature`, the time in whole seconds in
 * base 62.
 */
export class TimestampSigner {
  readonly #signer: Signer;

  constructor(secrets: Secrets, salt: string) {
    this.#signer = new Signer(secrets, salt);
  }

  /** @param timestamp Seconds since the epoch. */
  sign(value: string, timestamp: number): string {
    return this.#signer.sign(`${value}:${encodeBase62(timestamp)}`);
  }

  /** @returns The value and its time in seconds; `undefined` when the signature is invalid. */
  unsign(signed: string): (Unsigned & { readonly timestamp: number }) | undefined {
    const unsigned = this.#signer.unsign(signed);
    const separator = unsigned?.value.lastIndexOf(":") ?? -1;
    if (unsigned === undefined || separator < 0) return undefined;
    const timestamp = decodeBase62(unsigned.value.slice(separator + 1));
    if (timestamp === undefined) return undefined;
    return { value: unsigned.value.slice(0, separator), isOutdated: unsigned.isOutdated, timestamp };
  }
}

function deriveKey(salt: string, secret: string): KeyObject {
  return createSecretKey(createHash("sha256").update(`${salt}signer${secret}`).digest());
}

function signature(key: KeyObject, value: string): string {
  return createHmac("sha256", key).update(value).digest("base64url");
}
