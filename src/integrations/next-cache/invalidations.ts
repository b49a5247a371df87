import { type Invalidation, type Tags } from "./tags.ts";

/** Maximum number of failed invalidations that are tried again. */
const MAX_OWED = 1000;

/** Invalidations of one process. One that fails is tried again before the next entry is read. */
export class Invalidations {
  readonly #tags: Tags;
  readonly #owed = new Set<Invalidation>();

  constructor(tags: Tags) {
    this.#tags = tags;
  }

  get areOwed(): boolean {
    return this.#owed.size > 0;
  }

  /** @throws {StoreConnectionError} When the store could not be reached. It is tried again then. */
  async invalidate(invalidation: Invalidation): Promise<void> {
    try {
      await this.#tags.invalidate(invalidation);
    } catch (error) {
      // Next does not tell a route handler of it.
      this.#owe(invalidation);
      throw error;
    }
  }

  /** Tries those again that have failed. */
  async invalidateOwed(): Promise<void> {
    for (const invalidation of this.#owed) {
      await this.#tags.invalidate(invalidation);
      this.#owed.delete(invalidation);
    }
  }

  #owe(invalidation: Invalidation): void {
    this.#owed.add(invalidation);
    const [oldest] = this.#owed;
    if (oldest !== undefined && this.#owed.size > MAX_OWED) this.#owed.delete(oldest);
  }
}
