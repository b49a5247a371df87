import { type Request, Router } from "express";
import type { Session, Sessions } from "sojourn";
import { changeCart } from "../../shared/cart.ts";
import { isPageLoad } from "../notices.ts";
import { findProduct, type Product } from "../../shared/products.ts";
import type { ShopData } from "../session-data.ts";
import { cartPage } from "../views/cart.ts";
import { visitOf } from "../views/visitor.ts";

export function cartPages(sessions: Sessions<ShopData>): Router {
  const router = Router();

  const change = async (
    req: Request,
    by: number,
  ): Promise<{ product: Product; session: Session<ShopData> }> => {
    const product = productOf(req);
    const session = await sessions.from(req);
    await session.update((data) => changeCart(data, product, by));
    return { product, session };
  };

  router.get("/cart", async (req, res) => {
    const { visitor, session } = await visitOf(req, sessions);
    res.send(cartPage(visitor, session.data));
  });

  // A form sends the change ("one more"), not the result ("3"), so both of two tabs can press the
  // button.
  router.post("/cart/:id/add", async (req, res) => {
    const { product, session } = await change(req, 1);
    if (isPageLoad(req)) session.flash("success", `${product.name}: one more is in your cart.`);
    res.redirect(303, `/#${product.id}`);
  });

  router.post("/cart/:id/more", async (req, res) => {
    await change(req, 1);
    res.redirect(303, "/cart");
  });

  router.post("/cart/:id/less", async (req, res) => {
    await change(req, -1);
    res.redirect(303, "/cart");
  });

  // A change that does not depend on the old value needs no update(): it is saved before the
  // response leaves.
  router.post("/cart/:id/remove", async (req, res) => {
    const product = productOf(req);
    const session = await sessions.from(req);
    delete session.data.cart?.[product.id];
    res.redirect(303, "/cart");
  });

  return router;
}

function productOf(req: Request): Product {
  const product = findProduct(req.params["id"]);
  if (product === undefined) throw Object.assign(new Error("There is no such product."), { statusCode: 404 });
  return product;
}
