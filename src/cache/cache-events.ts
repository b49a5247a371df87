/** What can be listened to with `cache.on`. No event carries a value. */
export interface CacheEvents {
  /** `getOrSet` found an entry that is not JSON, and loads the value anew. */
  readonly corrupt: {
    /** As the caller gave it. */
    readonly key: string;
    /** What is wrong with the text, without any of it. */
    readonly problem: string;
  };
}
