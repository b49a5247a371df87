// @ts-check
// Made-up session records of a shop, about 312 bytes each and the same ones in every run.

const BACKENDS = [
  "django.contrib.auth.backends.ModelBackend",
  "allauth.account.auth_backends.AuthenticationBackend",
];
const LANGUAGES = ["en", "en", "en", "de", "fr", "es", "pt-br", "ja"];
const THEMES = ["light", "light", "dark", "system"];
const ZONES = ["Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Europe/London"];
const PAGES = ["products", "categories", "orders", "account/settings", "search"];

const CREATED = Date.UTC(2026, 0, 1);
const MONTH = 30 * 86_400_000;

/**
 * @param {number} count
 * @param {number} seed Other seeds give other records of the same kind.
 * @returns {string[]} Of the format `json`.
 */
export function makeRecords(count, seed) {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => makeRecord(random));
}

/** @param {() => number} random From 0 to 1. */
function makeRecord(random) {
  /** @param {number} limit */
  const below = (limit) => Math.floor(random() * limit);
  /** @template T @param {readonly T[]} values @returns {T} */
  const oneOf = (values) => /** @type {T} */ (values[below(values.length)]);
  const created = CREATED + below(MONTH);
  const product = () => ({ sku: `P${10_000 + below(5000)}`, count: 1 + below(3) });
  const hex = (/** @type {number} */ digits) =>
    Array.from({ length: digits }, () => below(16).toString(16)).join("");
  return JSON.stringify({
    _sojourn: { nonce: hex(16), created, authenticated: created + below(60_000) },
    _auth_user_id: String(1 + below(400_000)),
    _auth_user_backend: oneOf(BACKENDS),
    language: oneOf(LANGUAGES),
    theme: oneOf(THEMES),
    timezone: oneOf(ZONES),
    cart: Array.from({ length: below(3) }, product),
    page: `/${oneOf(PAGES)}/${below(5000)}`,
  });
}

/**
 * The generator mulberry32: 32 bits of state, enough for records that need not be secret.
 *
 * @param {number} seed
 */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
