import { Router } from "express";
import type { Sessions } from "sojourn";
import type { ShopData } from "../session-data.ts";
import type { FindRecord } from "../stored-record.ts";
import { recordPage } from "../views/record.ts";
import { visitOf } from "../views/visitor.ts";

/** @param findRecord Without it, sessions are in memory, where there is no text to show. */
export function recordPages(sessions: Sessions<ShopData>, findRecord: FindRecord | undefined): Router {
  const router = Router();

  router.get("/record", async (req, res) => {
    const { visitor, session } = await visitOf(req, sessions);
    await session.save(); // so that the record is shown without the taken notices
    res.send(recordPage(visitor, await findRecord?.(session)));
  });

  return router;
}
