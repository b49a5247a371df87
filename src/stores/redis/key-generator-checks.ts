import { ImproperlyConfigured } from "../../core/errors.ts";
import { hashSessionKey, type SessionKey } from "../../core/ids.ts";
import { describeValue } from "../../core/settings.ts";

/** Generators to check. */
export interface CheckedGenerators {
  readonly hashKeyGenerator: (key: SessionKey) => string;
  readonly keyGenerator: (key: SessionKey) => string;
  readonly sessionKeyOf: (hashKey: string, field: string) => SessionKey;
}

/** Generators of strings to check. */
export interface CheckedStringGenerators {
  readonly keyGenerator: (key: SessionKey) => string;
  readonly sessionKeyOf: (text: string) => SessionKey;
}

interface Sample {
  readonly key: SessionKey;
  readonly hashKey: string;
  readonly field: string;
}

/** Number of samples that shows sharing: of 46 656 hashes, 4096 keys share about 180. */
const SPREAD_SAMPLES = 4096;

/** Minimum number of hashes over which so many keys spread: one character of the key makes 36. */
const MIN_HASHES = 16;

/** Maximum share of the keys in one hash. */
const MAX_SHARE = 1 / 8;

/**
 * Tries generators on sample keys, always the same ones.
 *
 * @returns The length of all fields, in bytes; 0 if it varies.
 * @throws {ImproperlyConfigured} Naming the generator.
 */
export function checkBucketKeys(generators: CheckedGenerators, setting: string): number {
  const spread = spreadSamples().map((key) => sampleOf(generators, key, setting));
  const samples = [...neighbours().map((key) => sampleOf(generators, key, setting)), ...spread];
  checkSpread(spread, setting);
  checkCollisions(samples, setting);
  for (const sample of samples) checkRoundTrip(generators, sample, setting);
  const lengths = new Set(samples.map(({ field }) => Buffer.byteLength(field)));
  const [length = 0] = lengths;
  return lengths.size === 1 ? length : 0;
}

/**
 * Tries the generators of strings on the same sample keys.
 *
 * @throws {ImproperlyConfigured} Naming the generator.
 */
export function checkStringKeys(
  { keyGenerator, sessionKeyOf }: CheckedStringGenerators,
  setting: string,
): void {
  const keys = [...neighbours(), ...spreadSamples()];
  const texts = keys.map((key) => generate(keyGenerator, key, `${setting}.keyGenerator`));
  if (new Set(texts).size < texts.length) {
    throw new ImproperlyConfigured(
      `${setting}.keyGenerator`,
      "expected a different text for each session key, but two keys got the same. Keep every character of the key.",
    );
  }
  if (texts.every((text, at) => call(() => sessionKeyOf(text), `${setting}.sessionKeyOf`) === keys[at]))
    return;
  throw new ImproperlyConfigured(
    `${setting}.sessionKeyOf`,
    "expected the session key that keyGenerator was given, got another one. Give the function that undoes it, or let " +
      "keyGenerator return a text that ends in the whole key.",
  );
}

let cachedSamples: readonly SessionKey[] | undefined;

function spreadSamples(): readonly SessionKey[] {
  cachedSamples ??= Array.from({ length: SPREAD_SAMPLES }, (_, index) => hashSessionKey(`sample ${index}`));
  return cachedSamples;
}

/**
 * Keys that differ in one character each: a generator that leaves one out confuses some of them.
 */
function neighbours(): SessionKey[] {
  const base = "a".repeat(32);
  return [base, ...Array.from(base, (_, at) => `${base.slice(0, at)}7${base.slice(at + 1)}`)];
}

function sampleOf(
  { hashKeyGenerator, keyGenerator }: CheckedGenerators,
  key: SessionKey,
  setting: string,
): Sample {
  const hashKey = generate(hashKeyGenerator, key, `${setting}.hashKeyGenerator`);
  return { key, hashKey, field: generate(keyGenerator, key, `${setting}.keyGenerator`) };
}

function generate(generator: (key: SessionKey) => string, key: SessionKey, setting: string): string {
  const [first, second] = [call(() => generator(key), setting), call(() => generator(key), setting)];
  if (typeof first !== "string" || first === "" || !first.isWellFormed()) {
    throw new ImproperlyConfigured(
      setting,
      `expected it to return a text that is not empty, got ${describe(first)}.`,
    );
  }
  if (first !== second) {
    throw new ImproperlyConfigured(
      setting,
      "expected it to return the same for the same key, got another text.",
    );
  }
  return first;
}

/** The value may contain the sample key, so the message describes it only. */
function describe(value: unknown): string {
  return typeof value === "string" && value !== "" ? "a text with a lone surrogate" : describeValue(value);
}

function call(act: () => unknown, setting: string): unknown {
  try {
    return act();
  } catch (cause) {
    throw new ImproperlyConfigured(
      setting,
      "expected it to work for every key of 32 characters a-z and 0-9; it threw.",
      {
        cause,
      },
    );
  }
}

function checkCollisions(samples: readonly Sample[], setting: string): void {
  const places = new Set(samples.map(({ hashKey, field }) => JSON.stringify([hashKey, field])));
  if (places.size === samples.length) return;
  throw new ImproperlyConfigured(
    `${setting}.keyGenerator`,
    "expected a different field for each key of a hash, but two session keys got the same hash and field. " +
      "Keep every character that hashKeyGenerator leaves out.",
  );
}

function checkRoundTrip(
  { sessionKeyOf }: CheckedGenerators,
  { key, hashKey, field }: Sample,
  setting: string,
): void {
  if (call(() => sessionKeyOf(hashKey, field), `${setting}.sessionKeyOf`) === key) return;
  throw new ImproperlyConfigured(
    `${setting}.sessionKeyOf`,
    "expected the session key that hashKeyGenerator and keyGenerator were given, got another one. " +
      "Give the function that undoes both, or let keyGenerator return the whole key.",
  );
}

function checkSpread(samples: readonly Sample[], setting: string): void {
  const sizes = new Map<string, number>();
  for (const { hashKey } of samples) sizes.set(hashKey, (sizes.get(hashKey) ?? 0) + 1);
  const largest = Math.max(...sizes.values()) / samples.length;
  if (sizes.size < MIN_HASHES || largest > MAX_SHARE) {
    throw new ImproperlyConfigured(
      `${setting}.hashKeyGenerator`,
      `expected it to spread keys evenly over at least ${MIN_HASHES} hashes, but ${samples.length} keys got ${sizes.size}, ` +
        `the largest with ${Math.round(largest * 100)} % of them. Use more of the session key.`,
    );
  }
  if (sizes.size === samples.length) {
    throw new ImproperlyConfigured(
      `${setting}.hashKeyGenerator`,
      `expected sessions to share hashes, but ${samples.length} keys got as many. That saves no memory: use less of the ` +
        "session key, or redisSessionStore().",
    );
  }
}
