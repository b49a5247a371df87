import { isSojournError, SessionInterrupted } from "sojourn";

/** A failure as visitors see it, without its details. */
export interface Failure {
  readonly status: number;
  readonly title: string;
  readonly text: string;
}

export const NOT_FOUND: Failure = {
  status: 404,
  title: "There is nothing here",
  text: "The address may have a typo, or the thing is gone.",
};

/** Explains the error of a failed handler, or of a failed save of the session. */
export function explain(error: unknown): Failure {
  const status = statusOf(error);
  if (error instanceof SessionInterrupted) {
    return {
      status,
      title: "Please try that again",
      text: "You logged in or out in another tab while this was on its way, so nothing was changed here.",
    };
  }
  if (status === 404) return NOT_FOUND;
  if (status < 500)
    return { status, title: "That did not work", text: "The shop could not make sense of the request." };
  return {
    status,
    title: "We could not do that just now",
    text: "Something is wrong on our side. Please wait a moment, look at your cart, and try again.",
  };
}

/** Errors of Sojourn, of this shop and of frameworks have a `statusCode` if the request is to blame. */
function statusOf(error: unknown): number {
  if (isPassing(error)) return 503;
  const { statusCode = 500 } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 ? statusCode : 500;
}

/** The store is unavailable, or other requests kept winning: a retry will work. */
function isPassing(error: unknown): boolean {
  return (
    isSojournError(error) && (error.code === "ERR_STORE_CONNECTION" || error.code === "ERR_SESSION_CONFLICT")
  );
}
