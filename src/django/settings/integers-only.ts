import { CacheUsageError } from "../../core/errors.ts";
import { type CacheSerializer, JsonSerializer } from "../../cache/entry/serializers.ts";

const DIGITS = /^-?\d+$/;

/**
 * For a cache whose other values are pickles: Django writes integers as digits, and reads digits as an
 * integer. Anything else that Node wrote would be no pickle, so Django could not read it.
 *
 * A pickle is an error for `getOrSet` too, so that it is not taken for a corrupt entry, which would be
 * overwritten.
 *
 * @param path How messages name the cache.
 */
export function integersOnly(path: string): CacheSerializer {
  return {
    dump(value, name) {
      const text = typeof value === "number" || typeof value === "bigint" ? JsonSerializer.dump(value, name) : "";
      if (DIGITS.test(text)) return text;
      throw new CacheUsageError(
        `${name} is no integer, and Django's cache ${path} has pickles for anything else, which Node neither reads nor ` +
          "writes. Give that cache a JSON serializer, or use another cache for this.",
      );
    },
    load(stored) {
      if (DIGITS.test(stored)) return JsonSerializer.load(stored);
      throw new CacheUsageError(
        `The entry is no integer, so it is a pickle of Django's cache ${path}, which Node neither reads nor overwrites. Give ` +
          "that cache a JSON serializer, or use another cache for this.",
      );
    },
  };
}
