import type { Cache } from "sojourn";
import { products } from "../shared/products.ts";

/** Time for which the news are cached, in seconds. */
export const NEWS_KEPT = 30;

const NEWS_KEY = "news";
const PURSES = [20_000, 50_000, 80_000];

/** Results of the workshop. JSON values only, since they are cached. */
export interface News {
  readonly purses: readonly { readonly cents: number; readonly carts: number }[];
  /** Milliseconds since 1970. */
  readonly madeAt: number;
  /** Duration of the computation, in milliseconds. */
  readonly took: number;
}

/** Reads the news from the cache; on a miss they are computed once for all waiting visitors. */
export function readNews(cache: Cache): Promise<News> {
  return cache.getOrSet(NEWS_KEY, makeNews, { timeout: NEWS_KEPT });
}

export async function dropNews(cache: Cache): Promise<void> {
  await cache.delete(NEWS_KEY);
}

function makeNews(): News {
  const begun = performance.now();
  const purses = PURSES.map((cents) => ({ cents, carts: countCarts(cents) }));
  return { purses, madeAt: Date.now(), took: Math.ceil(performance.now() - begun) };
}

/** Counts the carts with exactly this price by trying all of them, which is slow. */
function countCarts(cents: number, from = 0): number {
  const price = products[from]?.cents;
  if (price === undefined) return cents === 0 ? 1 : 0;
  let carts = 0;
  for (let left = cents; left >= 0; left -= price) carts += countCarts(left, from + 1);
  return carts;
}
