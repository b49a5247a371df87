import { createHmac, timingSafeEqual } from "node:crypto";

/** Returns a value with its signature, in the form of the package `cookie-signature`. */
export function sign(value: string, secret: string, algorithm?: string): string {
  return `${value}.${signatureOf(value, secret, algorithm)}`;
}

/** Returns the value of a signed text; `undefined` if none of the secrets has signed it. */
export function unsign(text: string, secrets: readonly string[], algorithm?: string): string | undefined {
  const dot = text.lastIndexOf(".");
  if (dot < 0) return undefined;
  const [value, signature] = [text.slice(0, dot), Buffer.from(text.slice(dot + 1))];
  const isSignedBy = (secret: string): boolean => {
    const expected = Buffer.from(signatureOf(value, secret, algorithm));
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  };
  return secrets.some(isSignedBy) ? value : undefined;
}

function signatureOf(value: string, secret: string, algorithm = "sha256"): string {
  return createHmac(algorithm, secret).update(value).digest("base64").replace(/=+$/, "");
}
