// Digits, upper case, lower case: Django's order (`django.core.signing.BASE62_ALPHABET`).
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Encodes an integer in base 62, as Django's `b62_encode`. */
export function encodeBase62(integer: number): string {
  if (integer < 0) return `-${encodeBase62(-integer)}`;
  let rest = integer;
  let text = "";
  do {
    text = ALPHABET.charAt(rest % 62) + text;
    rest = Math.floor(rest / 62);
  } while (rest > 0);
  return text;
}

/** Decodes an integer in base 62. @returns `undefined` for any other text, and beyond 2^53. */
export function decodeBase62(text: string): number | undefined {
  const [, sign, digits] = /^(-?)([0-9A-Za-z]{1,9})$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  let integer = 0;
  for (const digit of digits) integer = integer * 62 + ALPHABET.indexOf(digit);
  if (!Number.isSafeInteger(integer)) return undefined;
  return sign === "-" ? -integer : integer;
}
