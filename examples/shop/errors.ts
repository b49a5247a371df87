import type { ErrorRequestHandler, RequestHandler } from "express";
import { explain, NOT_FOUND } from "../shared/errors.ts";
import { messagePage } from "./views/message.ts";

export type Log = (error: unknown) => void;

export const notFoundPage: RequestHandler = (_req, res) => {
  res.status(404).send(messagePage(NOT_FOUND));
};

/**
 * Error page for a failed handler or a failed save of the session. It does not use the session,
 * which may be the cause.
 */
export function errorPage(log: Log): ErrorRequestHandler {
  return (error, _req, res, next) => {
    if (res.headersSent) return next(error);
    const failure = explain(error);
    if (failure.status >= 500) log(error);
    if (failure.status === 503) res.set("Retry-After", "1");
    res.status(failure.status).send(messagePage(failure));
  };
}
