import { type Product, products } from "./products.ts";
import type { ShopData } from "./session-data.ts";

const MAX_OF_ONE = 99;

/**
 * Adds to or removes from the quantity of a product; at 0 the line is removed. Call it within
 * `session.update`.
 */
export function changeCart(data: ShopData, { id }: Product, by: number): void {
  const cart = (data.cart ??= {});
  const quantity = Math.min(MAX_OF_ONE, (cart[id] ?? 0) + by);
  if (quantity > 0) cart[id] = quantity;
  else delete cart[id];
}

export interface CartLine {
  readonly product: Product;
  readonly quantity: number;
}

/** Returns the cart in the order of the shop, without products that it no longer sells. */
export function cartLines({ cart = {} }: ShopData): CartLine[] {
  return products.flatMap((product) => {
    const quantity = cart[product.id] ?? 0;
    return quantity > 0 ? [{ product, quantity }] : [];
  });
}

export function cartCount(data: ShopData): number {
  return cartLines(data).reduce((sum, { quantity }) => sum + quantity, 0);
}

export function cartTotal(data: ShopData): number {
  return cartLines(data).reduce((sum, { product, quantity }) => sum + quantity * product.cents, 0);
}

/** "1 thing", "3 things". */
export function countedThings(count: number): string {
  return count === 1 ? "1 thing" : `${count} things`;
}
