import type { Timeout } from "./timeouts.ts";

/** Option of all operations on keys. */
export interface VersionOption {
  /** An integer. @defaultValue the `version` of the settings */
  readonly version?: number | undefined;
}

/** Options of operations that read. */
export interface ReadOptions extends VersionOption {
  /**
   * Tags that the entry may have. They are checked anyway; those named here are read together with
   * the entry, which saves a second round trip. @defaultValue none
   */
  readonly tags?: readonly string[] | undefined;
}

/** Options of `cache.get`. */
export interface GetOptions<Default> extends ReadOptions {
  /** Result of a miss. @defaultValue `undefined` */
  readonly default?: Default;
}

/** Options of `cache.peek`. */
export interface PeekOptions extends ReadOptions {
  /**
   * Timeout that the entry was stored with; its age follows from it.
   *
   * @defaultValue the `timeout` of the settings
   */
  readonly timeout?: Timeout | undefined;
}

/** Options of operations that store. */
export interface SetOptions extends VersionOption {
  /** @defaultValue the `timeout` of the settings */
  readonly timeout?: Timeout | undefined;
  /**
   * `invalidateTags` of any of them makes the entry a miss. Django cannot read an entry with tags.
   *
   * @defaultValue none
   */
  readonly tags?: readonly string[] | undefined;
}

/** Options of `cache.set`. */
export interface ConditionalSetOptions extends SetOptions {
  /** Stores only where no entry exists, as `add` does. @defaultValue `false` */
  readonly nx?: boolean | undefined;
  /** Stores only where an entry exists. @defaultValue `false` */
  readonly xx?: boolean | undefined;
}

/** Options of `cache.clear`. */
export interface ClearOptions {
  /** Called after each page with the number of entries deleted so far. */
  readonly onProgress?: ((deleted: number) => void) | undefined;
}
