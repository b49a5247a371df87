import { Router } from "express";
import type { Sessions } from "sojourn";
import type { ShopData } from "../session-data.ts";
import { productsPage } from "../views/products.ts";
import { visitorOf } from "../views/visitor.ts";

export function productPages(sessions: Sessions<ShopData>): Router {
  const router = Router();

  router.get("/", async (req, res) => {
    const session = await sessions.from(req); // loads it; without a cookie the store is not asked
    res.send(productsPage(visitorOf(session, sessions), session.data));
  });

  return router;
}
