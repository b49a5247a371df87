import type { Request } from "express";
import type { FlashMessage, Session, Sessions } from "sojourn";
import { cartCount } from "../cart.ts";
import { takeNotices } from "../notices.ts";
import type { ShopData } from "../session-data.ts";
import { findUser, type User } from "../users.ts";

/** What every page says of, and to, its visitor. */
export interface Visitor {
  readonly user: User | undefined;
  readonly cartCount: number;
  /** Whether there is no session yet. */
  readonly isNew: boolean;
  /** Where sessions are kept: "memory" or "Redis". */
  readonly store: string;
  /** What an earlier request has left to be said once. */
  readonly notices: readonly FlashMessage[];
}

export interface Visit {
  readonly session: Session<ShopData>;
  readonly visitor: Visitor;
}

/**
 * The session of a request for a page, and what the page says of it. It takes the notices that wait for a
 * page.
 */
export async function visitOf(req: Request, sessions: Sessions<ShopData>): Promise<Visit> {
  const session = await sessions.from(req); // loads it; without a cookie the store is not asked
  const { userId, isNew, data } = session;
  const store = sessions.storeName === "redis" ? "Redis" : sessions.storeName;
  const notices = takeNotices(req, session);
  return { session, visitor: { user: findUser(userId), cartCount: cartCount(data), isNew, store, notices } };
}
