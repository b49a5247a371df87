import { CacheUsageError } from "../../core/errors.ts";
import { type CacheSerializer, JsonSerializer } from "../../cache/entry/serializers.ts";

const DIGITS = /^-?\d+$/;

/**
 * Serializer for a cache whose other values are pickles: Django writes integers as digits, and
 * reads digits as an integer. Any other value from Node would not be a pickle, so Django could not
 * read it.
 *
 * A pickle is an error for `getOrSet` too: as a corrupt entry it would be overwritten.
 *
 * @param path Name of the cache in messages.
 */
export function integersOnly(path: string): CacheSerializer {
  return {
    dump(value, name) {
      const text =
        typeof value === "number" || typeof value === "bigint" ? JsonSerializer.dump(value, name) : "";
      if (DIGITS.test(text)) return text;
      throw new CacheUsageError(
        `${name} is not an integer, and Django's cache ${path} stores other values as pickles, which Node neither reads nor ` +
          "writes. Give that cache a JSON serializer, or use another cache for this.",
      );
    },
    load(stored) {
      if (DIGITS.test(stored)) return JsonSerializer.load(stored);
      throw new CacheUsageError(
        `The entry is not an integer, so it is a pickle of Django's cache ${path}, which Node neither reads nor overwrites. Give ` +
          "that cache a JSON serializer, or use another cache for this.",
      );
    },
  };
}
