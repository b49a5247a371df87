import { describeValue } from "../../core/descriptions.ts";
import { SessionUsageError } from "../../core/errors.ts";

/**
 * Checks the sessions argument of an adapter.
 *
 * @param adapter Name of the adapter, such as `expressSessions`.
 * @param example Code that mounts it, such as `app.use(expressSessions(sessions))`.
 * @throws {SessionUsageError} For anything but a `Sessions`, such as the whole result of
 *   `createSojourn`, or a request.
 */
export function checkSessions(sessions: unknown, adapter: string, example: string): void {
  const { from, scope, ...rest } = membersOf(sessions);
  if (typeof from === "function" && typeof scope === "function") return;
  if (typeof rest.headers === "object") {
    throw new SessionUsageError(
      `${adapter} was mounted without being called, and got a request. Write ${example}.`,
    );
  }
  const isWhole = typeof membersOf(rest.sessions).scope === "function";
  const got = isWhole ? "the whole result of createSojourn()" : describeValue(sessions);
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
