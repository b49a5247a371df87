import { scrypt, type ScryptOptions, timingSafeEqual } from "node:crypto";

// OWASP, Password Storage Cheat Sheet: one of the settings of equal strength; this one fits Node's
// limit on memory.
const COST: ScryptOptions = { N: 16_384, r: 8, p: 5 };
const HASH_BYTES = 32;

/**
 * Checks a password against `salt$hash`, both in base64url, in the same time for right and wrong
 * ones.
 */
export async function isPassword(password: string, stored: string): Promise<boolean> {
  const [salt = "", hash = ""] = stored.split("$");
  const expected = Buffer.from(hash, "base64url");
  const actual = await derive(password, Buffer.from(salt, "base64url"));
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFKC"), salt, HASH_BYTES, COST, (error, hash) => {
      if (error) reject(error);
      else resolve(hash);
    });
  });
}
