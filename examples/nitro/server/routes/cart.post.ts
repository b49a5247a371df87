import { changeCart } from "../../../shared/cart.ts";
import { readChange } from "../../../shared/forms.ts";
import { sessions } from "../sessions.ts";

export default defineEventHandler(async (event) => {
  const { product, by } = readChange((await readBody(event)) ?? {});
  const session = await sessions.from(event);
  await session.update((data) => changeCart(data, product, by));
  return sendRedirect(event, "/cart", 303);
});
