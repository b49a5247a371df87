import { isSessionKey, type SessionKey } from "../../../core/ids.ts";
import { checkStringKeys } from "../key-generator-checks.ts";

/** Mapping of session keys to the names of strings. */
export interface StringKeyGenerators {
  /**
   * Returns the last part of the name of a session's string, which comes after the prefix.
   *
   * @defaultValue the session key
   */
  readonly keyGenerator?: ((key: SessionKey) => string) | undefined;
  /**
   * Inverse: returns the session key from which `keyGenerator` made a text. For foreign texts it
   * may return anything.
   *
   * @defaultValue the last 32 characters
   */
  readonly sessionKeyOf?: ((text: string) => SessionKey) | undefined;
}

const SESSION_KEY_LENGTH = 32;

/** Maps session keys of one namespace to the names of strings. */
export class StringKeys {
  /** Prefix of the texts of `keyGenerator`, with its colon. */
  readonly namespace: string;
  readonly #keyGenerator: (key: SessionKey) => string;
  readonly #sessionKeyOf: (text: string) => SessionKey;

  /**
   * @param setting Name of the options, for messages.
   * @throws {ImproperlyConfigured} If sample keys show that the generators cannot work.
   */
  constructor(namespace: string, { keyGenerator, sessionKeyOf }: StringKeyGenerators, setting: string) {
    this.namespace = namespace;
    this.#keyGenerator = keyGenerator ?? ((key) => key);
    this.#sessionKeyOf = sessionKeyOf ?? ((text) => text.slice(-SESSION_KEY_LENGTH));
    if (keyGenerator === undefined && sessionKeyOf === undefined) return;
    checkStringKeys({ keyGenerator: this.#keyGenerator, sessionKeyOf: this.#sessionKeyOf }, setting);
  }

  redisKeyOf(key: SessionKey): string {
    return this.namespace + this.#keyGenerator(key);
  }

  /** @returns `undefined` for anything but a session of this namespace. */
  keyAt(redisKey: string): SessionKey | undefined {
    const key = this.#readKey(redisKey.slice(this.namespace.length));
    return key !== undefined && isSessionKey(key) && this.redisKeyOf(key) === redisKey ? key : undefined;
  }

  #readKey(text: string): string | undefined {
    try {
      return this.#sessionKeyOf(text);
    } catch {
      // It reads all texts of ours, as was checked, so this one is foreign.
      return undefined;
    }
  }
}
