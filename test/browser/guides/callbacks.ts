import { randomUUID } from "node:crypto";
import express, { type Express, type Response } from "express";
import type { Cache, Sessions } from "sojourn";

export interface WithPayment {
  /** The payment for which this browser was sent to the provider. */
  payment?: string;
}

/**
 * To be mounted before expressSessions(): the form comes from the provider's page, without the session's
 * cookie.
 */
export function mountCallback(
  app: Express,
  cache: Cache,
  leadOn: (res: Response, path: string) => void,
): void {
  app.post("/payment/callback", express.urlencoded({ extended: false }), async (req, res) => {
    const id = randomUUID();
    await cache.set(`payment-callback:${id}`, req.body, { timeout: "1m" });
    leadOn(res, `/payment/done/${id}`);
  });
}

/** To be mounted behind it: the browser comes to `/payment/done/…` with a GET, and with the cookie. */
export function mountPayment<Data extends WithPayment>(
  app: Express,
  { cache, sessions, provider }: { cache: Cache; sessions: Sessions<Data>; provider: string },
): void {
  app.post("/payment", async (req, res) => {
    const state = randomUUID();
    const session = await sessions.from(req);
    await session.update((data) => (data.payment = state));
    res.redirect(303, `${provider}?state=${state}`);
  });

  app.get("/payment/done/:id", async (req, res) => {
    const answer = await cache.get<{ state?: string }>(`payment-callback:${req.params.id}`);
    const session = await sessions.from(req);
    const expected = await session.update((data) => {
      const { payment } = data;
      delete data.payment;
      return payment;
    });
    if (expected === undefined || answer?.state !== expected) {
      res.status(400).send("This payment was not begun here. Please begin again.");
      return;
    }
    // … verify the provider's signature, or ask the provider, and note what was paid …
    res.send(`Paid, thank you, ${session.userId}.`);
  });
}

/** For SameSite=Lax. 303 makes a GET of the POST, and Lax lets the cookie come with a GET from another site. */
export function redirect(res: Response, path: string): void {
  res.redirect(303, path);
}

/**
 * For SameSite=Strict. A redirect still counts as the provider's; this page is of our own site, and so is
 * where it leads.
 */
export function leadOnByPage(res: Response, path: string): void {
  res.send(`<!doctype html><title>One moment</title><meta http-equiv="refresh" content="0;url=${path}">`);
}
