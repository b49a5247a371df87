import type { Request } from "express";
import type { FlashMessage, Session } from "sojourn";
import type { ShopData } from "./session-data.ts";

/**
 * Whether a browser has asked for a whole page. public/live.mjs asks for pages too, and shows only parts of
 * them.
 */
export function isPageLoad(req: Request): boolean {
  return req.get("X-Requested-With") === undefined;
}

/**
 * Takes the messages that were left for the visitor's next page; a double-clicked form has left the same one
 * twice. Taking is a write, so a request that only looks whether something is new leaves them where they are.
 */
export function takeNotices(req: Request, session: Session<ShopData>): FlashMessage[] {
  if (req.method !== "GET" || !isPageLoad(req)) return [];
  return [...new Map(session.takeFlash().map((flash) => [flash.message, flash])).values()];
}
