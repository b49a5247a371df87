import express, { type Express } from "express";
import type { Sessions } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import type { Visitor } from "./settings.ts";

export function makeApp(sessions: Sessions<Visitor>): Express {
  const app = express();
  app.use(expressSessions(sessions));
  app.get("/cart", async (req, res) => {
    const session = await sessions.from(req);
    res.json(session.data.cart ?? {});
  });
  app.post("/cart/:product", async (req, res) => {
    const { product } = req.params;
    const session = await sessions.from(req);
    const cart = await session.update((data) => {
      data.cart ??= {};
      data.cart[product] = (data.cart[product] ?? 0) + 1;
      return data.cart;
    });
    res.json(cart);
  });
  return app;
}
