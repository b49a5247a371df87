import { isSessionKey, type SessionKey } from "../../../core/ids.ts";
import { checkStringKeys } from "../key-generator-checks.ts";

/** How the names of strings are made from session keys. */
export interface StringKeyGenerators {
  /**
   * Last part of the name of a session's string, which comes after the prefix.
   *
   * @defaultValue the session key
   */
  readonly keyGenerator?: ((key: SessionKey) => string) | undefined;
  /**
   * The way back: the session key that a text of `keyGenerator` was made from. What is not its own may give
   * anything.
   *
   * @defaultValue the last 32 characters
   */
  readonly sessionKeyOf?: ((text: string) => SessionKey) | undefined;
}

const SESSION_KEY_LENGTH = 32;

/** The names of the strings of sessions in one namespace. */
export class StringKeys {
  /** What precedes what `keyGenerator` makes, with its colon. */
  readonly namespace: string;
  readonly #keyGenerator: (key: SessionKey) => string;
  readonly #sessionKeyOf: (text: string) => SessionKey;

  /**
   * @param setting What the options are called, for messages.
   * @throws {ImproperlyConfigured} When sample keys show that the generators cannot work.
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

  /** @returns `undefined` for what is no session of this namespace. */
  keyAt(redisKey: string): SessionKey | undefined {
    const key = this.#readKey(redisKey.slice(this.namespace.length));
    return key !== undefined && isSessionKey(key) && this.redisKeyOf(key) === redisKey ? key : undefined;
  }

  #readKey(text: string): string | undefined {
    try {
      return this.#sessionKeyOf(text);
    } catch {
      // It reads all texts of ours: that was checked. So this one is foreign.
      return undefined;
    }
  }
}
