import { error, redirect, type RequestEvent } from "@sveltejs/kit";
import { cartCount, cartLines, cartTotal, changeCart, countedThings } from "../../../../shared/cart.ts";
import { BadForm, readChange } from "../../../../shared/forms.ts";
import { formatPrice } from "../../../../shared/products.ts";
import { picture } from "../../../../shared/views/pictures.ts";
import { sessions, visitorOf } from "$lib/server/sessions.ts";

export async function load(event: RequestEvent) {
  const session = await sessions.from(event);
  const lines = cartLines(session.data).map(({ product, quantity }) => ({
    id: product.id,
    name: product.name,
    picture: String(picture(product)),
    each: formatPrice(product.cents),
    sum: formatPrice(quantity * product.cents),
    quantity,
  }));
  const total = { things: countedThings(cartCount(session.data)), sum: formatPrice(cartTotal(session.data)) };
  return { title: "Cart", lines, total, visitor: visitorOf(session) };
}

export const actions = {
  async default(event: RequestEvent) {
    const { product, by } = await readForm(event.request);
    const session = await sessions.from(event);
    await session.update((data) => changeCart(data, product, by));
    redirect(303, "/cart");
  },
};

async function readForm(request: Request) {
  try {
    return readChange(Object.fromEntries(await request.formData()));
  } catch (failure) {
    if (failure instanceof BadForm) error(400, failure.message);
    throw failure;
  }
}
