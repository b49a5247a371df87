import type { Session, Sessions } from "sojourn";
import { cartCount } from "../cart.ts";
import type { ShopData } from "../session-data.ts";
import { findUser, type User } from "../users.ts";

/** What every page says of its visitor. */
export interface Visitor {
  readonly user: User | undefined;
  readonly cartCount: number;
  /** Whether there is no session yet. */
  readonly isNew: boolean;
  /** Where sessions are kept: "memory" or "Redis". */
  readonly store: string;
}

export function visitorOf(session: Session<ShopData>, { storeName }: Sessions<ShopData>): Visitor {
  const { userId, isNew, data } = session;
  const store = storeName === "redis" ? "Redis" : storeName;
  return { user: findUser(userId), cartCount: cartCount(data), isNew, store };
}
