import type { RequestEvent } from "@sveltejs/kit";
import { formatPrice, products } from "../../../shared/products.ts";
import { picture } from "../../../shared/views/pictures.ts";
import { sessions, visitorOf } from "$lib/server/sessions.ts";

export async function load(event: RequestEvent) {
  const session = await sessions.from(event);
  const { cart = {} } = session.data;
  const goods = products.map((product) => ({
    ...product,
    price: formatPrice(product.cents),
    picture: String(picture(product)),
    quantity: cart[product.id] ?? 0,
  }));
  return { goods, visitor: visitorOf(session) };
}
