import { Router } from "express";
import type { Cache, Sessions } from "sojourn";
import { dropNews, readNews } from "../news.ts";
import type { ShopData } from "../session-data.ts";
import { newsPage } from "../views/news.ts";
import { visitOf } from "../views/visitor.ts";

export function newsPages(sessions: Sessions<ShopData>, cache: Cache): Router {
  const router = Router();

  router.get("/news", async (req, res) => {
    const { visitor } = await visitOf(req, sessions);
    res.send(newsPage(visitor, await readNews(cache)));
  });

  router.post("/news/anew", async (_req, res) => {
    await dropNews(cache);
    res.redirect(303, "/news");
  });

  return router;
}
