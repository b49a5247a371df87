import { type Request, Router } from "express";
import type { Session, Sessions } from "sojourn";
import type { ShopData } from "../session-data.ts";

/** The buttons under "My devices". A session ended here is invalid before the response is sent. */
export function deviceForms(sessions: Sessions<ShopData>): Router {
  const router = Router();

  router.post("/devices/:ref/logout", async (req, res) => {
    const { session, userId } = await memberOf(req, sessions);
    const wasThere = await sessions.revoke(userId, req.params.ref); // finds this user's sessions only
    session.flash("success", wasThere ? "That device is logged out." : "That device was logged out already.");
    res.redirect(303, "/account");
  });

  router.post("/devices/logout-others", async (req, res) => {
    const { session, userId } = await memberOf(req, sessions);
    const count = await sessions.revokeUser(userId, { except: session });
    session.flash(
      "success",
      count === 1 ? "The other device is logged out." : `${count} other devices are logged out.`,
    );
    res.redirect(303, "/account");
  });

  router.post("/devices/logout-all", async (req, res) => {
    const { session, userId } = await memberOf(req, sessions);
    await sessions.revokeUser(userId);
    await session.logout(); // this one has ended too; this clears its cookie
    session.flash("success", "You are logged out on every device."); // starts a new, anonymous session
    res.redirect(303, "/");
  });

  return router;
}

interface Member {
  readonly session: Session<ShopData>;
  readonly userId: string;
}

async function memberOf(req: Request, sessions: Sessions<ShopData>): Promise<Member> {
  const session = await sessions.from(req);
  if (session.userId !== undefined) return { session, userId: session.userId };
  throw Object.assign(new Error("You are not logged in."), { statusCode: 403 });
}
