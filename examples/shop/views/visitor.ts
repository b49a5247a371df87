import type { Request } from "express";
import type { FlashMessage, Session, Sessions } from "sojourn";
import { cartCount } from "../../shared/cart.ts";
import { takeNotices } from "../notices.ts";
import type { ShopData } from "../session-data.ts";
import { findUser, type User } from "../../shared/users.ts";

/** Facts and notices that every page shows to its visitor. */
export interface Visitor {
  readonly user: User | undefined;
  readonly cartCount: number;
  /** True before the session has started. */
  readonly isNew: boolean;
  /** Store of the sessions: "memory" or "Redis". */
  readonly store: string;
  /** One-time notices of earlier requests. */
  readonly notices: readonly FlashMessage[];
}

export interface Visit {
  readonly session: Session<ShopData>;
  readonly visitor: Visitor;
}

/**
 * Loads the session of a page request, and the facts that the page shows. Takes the waiting
 * notices.
 */
export async function visitOf(req: Request, sessions: Sessions<ShopData>): Promise<Visit> {
  const session = await sessions.from(req); // loads it; without a cookie, without a command to the store
  const { userId, isNew, data } = session;
  const store = sessions.storeName === "redis" ? "Redis" : sessions.storeName;
  const notices = takeNotices(req, session);
  return { session, visitor: { user: findUser(userId), cartCount: cartCount(data), isNew, store, notices } };
}
