import { Router } from "express";
import type { Sessions } from "sojourn";
import type { ShopData } from "../session-data.ts";
import { productsPage } from "../views/products.ts";
import { visitOf } from "../views/visitor.ts";

export function productPages(sessions: Sessions<ShopData>): Router {
  const router = Router();

  router.get("/", async (req, res) => {
    const { visitor, session } = await visitOf(req, sessions);
    res.send(productsPage(visitor, session.data));
  });

  return router;
}
