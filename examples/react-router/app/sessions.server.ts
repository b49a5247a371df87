import { createSojourn, type Session } from "sojourn";
import { cartCount } from "../../shared/cart.ts";
import type { ShopData } from "../../shared/session-data.ts";
import { readSettings, sojournSettings } from "../../shared/settings.ts";
import { findUser } from "../../shared/users.ts";

export const { sessions } = createSojourn<ShopData>(sojournSettings(readSettings(process.env)));

/** The part of a session that all pages show. */
export interface Visitor {
  readonly count: number;
  readonly user?: string;
}

export function visitorOf({ data, userId }: Session<ShopData>): Visitor {
  return { count: cartCount(data), user: findUser(userId)?.name };
}
