import { checkFunction, checkOptions, knownOptions } from "../../core/calls.ts";
import type { Milliseconds } from "../../core/clock.ts";
import { CacheUsageError } from "../../core/errors.ts";
import type { Cache } from "../../cache/cache.ts";
import { checkCache } from "../../cache/check-cache.ts";
import { type PrefixOption, toPrefix } from "../prefix-option.ts";
import { toTimeout } from "../timeouts.ts";

/** Options of {@link graphqlResponseCache}. */
export interface GraphqlResponseCacheOptions extends PrefixOption {
  /** First part of the keys and tags. @defaultValue `"graphql:"` */
  readonly prefix?: string | undefined;
  /**
   * Called when a response could not be stored, or one could not be made invalid. The library does
   * not wait for either, so the failure cannot be thrown to it.
   *
   * @defaultValue a warning of the process
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

const OPTIONS = knownOptions(
  "graphqlResponseCache()",
  ["prefix", "onError"],
  '{ prefix: "graphql:" }',
  CacheUsageError,
);

/** An object in a response, or, without an id, all of a type. */
export interface ResponseEntity {
  readonly typename: string;
  readonly id?: number | string | undefined;
}

/**
 * Makes the `cache` of the response cache of GraphQL Yoga and Envelop on a cache. Objects in
 * responses are tags: an invalidation takes one round trip for any number of responses, and all
 * processes see it at once.
 *
 * @throws {CacheUsageError} Without a cache, or for a wrong option.
 * @example
 * ```ts
 * import { useResponseCache } from "@envelop/response-cache";
 * import { createSojourn } from "sojourn";
 * import { graphqlResponseCache } from "sojourn/integrations/graphql-response-cache";
 *
 * const { caches } = createSojourn({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 * const plugin = useResponseCache({ session: () => null, cache: graphqlResponseCache(caches.default) });
 * ```
 */
export function graphqlResponseCache(
  cache: Cache,
  options: GraphqlResponseCacheOptions = {},
): CacheResponseCache {
  checkCache(cache, "graphqlResponseCache");
  checkOptions(options, OPTIONS);
  const { onError = warn, ...rest } = options;
  checkFunction(onError, '"onError" of graphqlResponseCache()', CacheUsageError);
  return new CacheResponseCache(cache, toPrefix("graphqlResponseCache", rest, "graphql:"), onError);
}

/**
 * The `Cache` of `@envelop/response-cache` on a cache. A read that fails is thrown; other failures
 * go to `onError`.
 */
export class CacheResponseCache {
  readonly #cache: Cache;
  readonly #prefix: string;
  readonly #onError: (error: unknown) => void;

  /** @internal Use {@link graphqlResponseCache}. */
  constructor(cache: Cache, prefix: string, onError: (error: unknown) => void) {
    this.#cache = cache;
    this.#prefix = prefix;
    this.#onError = onError;
  }

  /** Reads a response; `undefined` on a miss, and after one of its objects was invalidated. */
  get(id: string): Promise<object | undefined> {
    return this.#cache.get<object>(this.#prefix + id);
  }

  /**
   * Stores a response, as the JSON that a client gets.
   *
   * @param entities The objects in it.
   * @param ttl Time to live; `Infinity` is no expiry.
   */
  set(id: string, response: object, entities: Iterable<ResponseEntity>, ttl: Milliseconds): Promise<void> {
    return this.#set(id, response, entities, ttl).catch(this.#onError);
  }

  /** Makes all responses with these objects misses; without an id, all with the type. */
  invalidate(entities: Iterable<ResponseEntity>): Promise<void> {
    return this.#invalidate(entities).catch(this.#onError);
  }

  async #set(
    id: string,
    response: object,
    entities: Iterable<ResponseEntity>,
    ttl: Milliseconds,
  ): Promise<void> {
    // Values of scalars can be anything with a toJSON().
    const value: unknown = JSON.parse(JSON.stringify(response));
    const tags = new Set<string>();
    for (const { typename, id: entityId } of entities) {
      tags.add(this.#tagOf({ typename }));
      if (entityId !== undefined) tags.add(this.#tagOf({ typename, id: entityId }));
    }
    await this.#cache.set(this.#prefix + id, value, { tags: [...tags], timeout: toTimeout(ttl) });
  }

  async #invalidate(entities: Iterable<ResponseEntity>): Promise<void> {
    await this.#cache.invalidateTags(Array.from(entities, (entity) => this.#tagOf(entity)));
  }

  #tagOf({ typename, id }: ResponseEntity): string {
    return this.#prefix + (id === undefined ? typename : `${typename}:${id}`);
  }
}

function warn(error: unknown): void {
  process.emitWarning(
    "A GraphQL response could not be stored in the cache, or not be made invalid there; the option onError of " +
      `graphqlResponseCache() gets such errors. ${String(error)}`,
    { type: "SojournWarning", code: "SOJOURN_GRAPHQL_RESPONSE_CACHE" },
  );
}
