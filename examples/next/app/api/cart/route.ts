import { cartCount, changeCart } from "../../../../shared/cart.ts";
import { readChange } from "../../../../shared/forms.ts";
import { withSession } from "../../../sessions.ts";

export const POST = withSession(async (request, session) => {
  const { product, by } = readChange(Object.fromEntries(await request.formData()));
  const count = await session.update((data) => {
    changeCart(data, product, by);
    return cartCount(data);
  });
  return Response.json({ count });
});
