import { isSessionKey, type SessionKey } from "../../../core/ids.ts";
import { checkBucketKeys } from "../key-generator-checks.ts";

/** How session keys are dealt out to hashes and their fields. */
export interface BucketKeyGenerators {
  /**
   * Name of the hash of a session, which comes after the prefix.
   *
   * @defaultValue the first three characters of the session key: 36^3 = 46 656 hashes
   */
  readonly hashKeyGenerator?: ((key: SessionKey) => string) | undefined;
  /**
   * Field of a session in its hash.
   *
   * @defaultValue the session key without its first three characters
   */
  readonly keyGenerator?: ((key: SessionKey) => string) | undefined;
  /**
   * The way back: the session key that a hash's name and a field were made from. What is not its own may give
   * anything.
   *
   * @defaultValue the field if it is a whole session key, else the hash's name and the field together
   */
  readonly sessionKeyOf?: ((hashKey: string, field: string) => SessionKey) | undefined;
}

/** Where a session lies. */
export interface BucketPlace {
  /** The whole Redis key. */
  readonly hash: string;
  readonly field: string;
}

/**
 * 36^3 = 46 656 hashes: the power of 36 that is nearest to django-redisession's 65 536, two bytes of a
 * hexadecimal key.
 */
const HASH_KEY_LENGTH = 3;
const FIELD_LENGTH = 29;

/** Generators that are all given. */
type Generators = { readonly [Name in keyof BucketKeyGenerators]-?: NonNullable<BucketKeyGenerators[Name]> };

export const DEFAULT_GENERATORS: Generators = {
  hashKeyGenerator: (key) => key.slice(0, HASH_KEY_LENGTH),
  keyGenerator: (key) => key.slice(HASH_KEY_LENGTH),
  sessionKeyOf: (hashKey, field) => (isSessionKey(field) ? field : hashKey + field),
};

/** The hashes and fields of sessions in one namespace. */
export class BucketKeys {
  /** What precedes the names of the hashes, with its colon. */
  readonly namespace: string;
  /** Length of all fields, in bytes; 0 when it varies. */
  readonly fieldLength: number;
  readonly #generators: Generators;

  /**
   * @param setting What the options are called, for messages.
   * @throws {ImproperlyConfigured} When sample keys show that the generators cannot work.
   */
  constructor(namespace: string, generators: BucketKeyGenerators, setting: string) {
    const given = Object.entries(generators).filter(([, generator]) => generator !== undefined);
    this.namespace = namespace;
    this.#generators = { ...DEFAULT_GENERATORS, ...(Object.fromEntries(given) as Partial<Generators>) };
    // Those that are built in need no check at each start: tests make it.
    this.fieldLength = given.length === 0 ? FIELD_LENGTH : checkBucketKeys(this.#generators, setting);
  }

  placeOf(key: SessionKey): BucketPlace {
    return { hash: this.hashOf(key), field: this.#generators.keyGenerator(key) };
  }

  hashOf(key: SessionKey): string {
    return this.namespace + this.#generators.hashKeyGenerator(key);
  }

  /** @returns `undefined` for what is no session of this namespace. */
  keyAt({ hash, field }: BucketPlace): SessionKey | undefined {
    const key = this.#readKey(hash.slice(this.namespace.length), field);
    if (key === undefined || !isSessionKey(key)) return undefined;
    const place = this.placeOf(key);
    return place.hash === hash && place.field === field ? key : undefined;
  }

  #readKey(hashKey: string, field: string): string | undefined {
    try {
      return this.#generators.sessionKeyOf(hashKey, field);
    } catch {
      // It reads all keys of ours: that was checked. So this one is foreign.
      return undefined;
    }
  }
}
