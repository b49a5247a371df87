import type { Cache } from "sojourn";
import { products } from "./products.ts";

/** Seconds for which a page of news is kept. */
export const NEWS_KEPT = 30;

const NEWS_KEY = "news";
const PURSES = [20_000, 50_000, 80_000];

/** What the workshop has worked out. JSON values only, since it is kept in the cache. */
export interface News {
  readonly purses: readonly { readonly cents: number; readonly carts: number }[];
  /** Milliseconds since 1970. */
  readonly madeAt: number;
  /** How long it took, in milliseconds. */
  readonly took: number;
}

/** From the cache; when they are not there, they are made once, however many visitors wait for them. */
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

/** How many different carts come to exactly this price. It tries them all, and takes its time. */
function countCarts(cents: number, from = 0): number {
  const price = products[from]?.cents;
  if (price === undefined) return cents === 0 ? 1 : 0;
  let carts = 0;
  for (let left = cents; left >= 0; left -= price) carts += countCarts(left, from + 1);
  return carts;
}
