import type { ErrorRequestHandler, RequestHandler } from "express";
import { isSojournError, SessionInterrupted } from "sojourn";
import { messagePage } from "./views/message.ts";

export type Log = (error: unknown) => void;

export const notFoundPage: RequestHandler = (_req, res) => {
  res.status(404).send(
    messagePage({
      title: "There is nothing here",
      text: "The address may have a typo, or the thing is gone.",
    }),
  );
};

/**
 * Error page for a failed handler or a failed save of the session. It does not use the session,
 * which may be the cause.
 */
export function errorPage(log: Log): ErrorRequestHandler {
  return (error, _req, res, next) => {
    if (res.headersSent) return next(error);
    const status = statusOf(error);
    if (status >= 500) log(error);
    if (status === 503) res.set("Retry-After", "1");
    res.status(status).send(messagePage(explain(error, status)));
  };
}

/** Errors of Sojourn, Express and this shop have a `statusCode` if the request is to blame. */
function statusOf(error: unknown): number {
  if (isPassing(error)) return 503;
  const { statusCode = 500 } = error as { statusCode?: number };
  return statusCode >= 400 && statusCode < 500 ? statusCode : 500;
}

/** The store is unavailable, or other requests kept winning: a retry will work. */
function isPassing(error: unknown): boolean {
  return (
    isSojournError(error) && (error.code === "ERR_STORE_CONNECTION" || error.code === "ERR_SESSION_CONFLICT")
  );
}

function explain(error: unknown, status: number): { title: string; text: string } {
  if (error instanceof SessionInterrupted) {
    return {
      title: "Please try that again",
      text: "You logged in or out in another tab while this was on its way, so nothing was changed here.",
    };
  }
  if (status < 500)
    return { title: "That did not work", text: "The shop could not make sense of the request." };
  return {
    title: "We could not do that just now",
    text: "Something is wrong on our side. Please wait a moment, look at your cart, and try again.",
  };
}
