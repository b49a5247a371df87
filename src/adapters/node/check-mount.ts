import { describeValue } from "../../core/descriptions.ts";
import { SessionUsageError } from "../../core/errors.ts";

/**
 * Checks what an adapter is given for sessions.
 *
 * @param adapter Its name, such as `expressSessions`.
 * @param example How it is mounted, such as `app.use(expressSessions(sessions))`.
 * @throws {SessionUsageError} For what is no `Sessions`: all that `createSojourn` has returned, or a request.
 */
export function checkSessions(sessions: unknown, adapter: string, example: string): void {
  const { from, scope, ...rest } = membersOf(sessions);
  if (typeof from === "function" && typeof scope === "function") return;
  if (typeof rest.headers === "object") {
    throw new SessionUsageError(`${adapter} was mounted without being called, and got a request. Write ${example}.`);
  }
  const isWhole = typeof membersOf(rest.sessions).scope === "function";
  const got = isWhole ? "all that createSojourn() has returned" : describeValue(sessions);
  const advice = isWhole ? `Give its part: const { sessions } = createSojourn(…).` : `Write ${example}.`;
  throw new SessionUsageError(`${adapter}() expected the sessions of createSojourn(), got ${got}. ${advice}`);
}

interface Members {
  readonly from?: unknown;
  readonly scope?: unknown;
  readonly headers?: unknown;
  readonly sessions?: unknown;
}

function membersOf(value: unknown): Members {
  if (typeof value !== "object" || value === null) return {};
  const { from, scope, headers, sessions } = value as Members;
  return { from, scope, headers, sessions };
}
