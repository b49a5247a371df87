import type { ShopData } from "../session-data.ts";

/** The visitor's round. */
export function roundOf({ race }: ShopData): NonNullable<ShopData["race"]> {
  if (race !== undefined) return race;
  throw Object.assign(new Error("No round has begun in this session."), { statusCode: 409 });
}
