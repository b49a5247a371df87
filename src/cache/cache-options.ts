import type { Timeout } from "./timeouts.ts";

/** Option of all operations on keys. */
export interface VersionOption {
  /** An integer. @defaultValue the `version` of the settings */
  readonly version?: number | undefined;
}

/** Options of `cache.get`. */
export interface GetOptions<Default> extends VersionOption {
  /** What a miss gives. @defaultValue `undefined` */
  readonly default?: Default;
}

/** Options of operations that store. */
export interface SetOptions extends VersionOption {
  /** @defaultValue the `timeout` of the settings */
  readonly timeout?: Timeout | undefined;
}
