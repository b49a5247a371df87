import { isSessionKey, type SessionKey } from "../../../core/ids.ts";
import { checkBucketKeys } from "../key-generator-checks.ts";

/** Mapping of session keys to hashes and their fields. */
export interface BucketKeyGenerators {
  /**
   * Returns the name of a session's hash, which comes after the prefix.
   *
   * @defaultValue the first three characters of the session key: 36^3 = 46 656 hashes
   */
  readonly hashKeyGenerator?: ((key: SessionKey) => string) | undefined;
  /**
   * Returns the field of a session in its hash.
   *
   * @defaultValue the session key without its first three characters
   */
  readonly keyGenerator?: ((key: SessionKey) => string) | undefined;
  /**
   * Inverse: returns the session key from which a hash's name and a field were made. For foreign
   * ones it may return anything.
   *
   * @defaultValue the field if it is a whole session key, else the hash's name and the field
   * together
   */
  readonly sessionKeyOf?: ((hashKey: string, field: string) => SessionKey) | undefined;
}

/** Hash and field of a session. */
export interface BucketPlace {
  /** The whole Redis key. */
  readonly hash: string;
  readonly field: string;
}

/**
 * 36^3 = 46 656 hashes: the power of 36 that is nearest to django-redisession's 65 536, two bytes
 * of a hexadecimal key.
 */
const HASH_KEY_LENGTH = 3;
const FIELD_LENGTH = 29;

/** Complete set of generators. */
type Generators = { readonly [Name in keyof BucketKeyGenerators]-?: NonNullable<BucketKeyGenerators[Name]> };

export const DEFAULT_GENERATORS: Generators = {
  hashKeyGenerator: (key) => key.slice(0, HASH_KEY_LENGTH),
  keyGenerator: (key) => key.slice(HASH_KEY_LENGTH),
  sessionKeyOf: (hashKey, field) => (isSessionKey(field) ? field : hashKey + field),
};

/** Maps session keys of one namespace to hashes and fields. */
export class BucketKeys {
  /** Prefix of the names of the hashes, with its colon. */
  readonly namespace: string;
  /** Length of all fields, in bytes; 0 if it varies. */
  readonly fieldLength: number;
  readonly #generators: Generators;

  /**
   * @param setting Name of the options, for messages.
   * @throws {ImproperlyConfigured} If sample keys show that the generators cannot work.
   */
  constructor(namespace: string, generators: BucketKeyGenerators, setting: string) {
    const given = Object.entries(generators).filter(([, generator]) => generator !== undefined);
    this.namespace = namespace;
    this.#generators = { ...DEFAULT_GENERATORS, ...(Object.fromEntries(given) as Partial<Generators>) };
    // The built-in generators need no check at each start: tests check them.
    this.fieldLength = given.length === 0 ? FIELD_LENGTH : checkBucketKeys(this.#generators, setting);
  }

  keysOf(key: SessionKey): BucketPlace {
    return { hash: this.hashOf(key), field: this.#generators.keyGenerator(key) };
  }

  hashOf(key: SessionKey): string {
    return this.namespace + this.#generators.hashKeyGenerator(key);
  }

  /** @returns `undefined` for anything but a session of this namespace. */
  keyAt({ hash, field }: BucketPlace): SessionKey | undefined {
    const key = this.#readKey(hash.slice(this.namespace.length), field);
    if (key === undefined || !isSessionKey(key)) return undefined;
    const place = this.keysOf(key);
    return place.hash === hash && place.field === field ? key : undefined;
  }

  #readKey(hashKey: string, field: string): string | undefined {
    try {
      return this.#generators.sessionKeyOf(hashKey, field);
    } catch {
      // It reads all keys of ours, as was checked, so this one is foreign.
      return undefined;
    }
  }
}
