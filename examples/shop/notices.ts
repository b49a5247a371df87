import type { Request } from "express";
import type { FlashMessage, Session } from "sojourn";
import type { ShopData } from "./session-data.ts";

/**
 * Returns whether a browser loads a whole page. public/live.mjs also requests pages, but shows only
 * parts of them.
 */
export function isPageLoad(req: Request): boolean {
  return req.get("X-Requested-With") === undefined;
}

/**
 * Takes the messages for the visitor's next page, without the duplicates of a double-clicked form.
 * Taking is a write, so a request that only checks for changes leaves them.
 */
export function takeNotices(req: Request, session: Session<ShopData>): FlashMessage[] {
  if (req.method !== "GET" || !isPageLoad(req)) return [];
  return [...new Map(session.takeFlash().map((flash) => [flash.message, flash])).values()];
}
