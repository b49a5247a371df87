import { notFound } from "next/navigation";
import { cartCount, changeCart } from "../../../../../shop/cart.ts";
import { findProduct } from "../../../../../shop/products.ts";
import { withSession } from "../../../../sessions.ts";

export const POST = withSession(async (_request, session, { params }: RouteContext<"/api/cart/[id]">) => {
  const product = findProduct((await params).id) ?? notFound();
  const count = await session.update((data) => {
    changeCart(data, product, 1);
    return cartCount(data);
  });
  return Response.json({ count });
});
