import * as v from "valibot";
import { checkOptions, knownOptions } from "../../core/calls.ts";
import { describeKind, describeValue } from "../../core/descriptions.ts";
import { SessionUsageError } from "../../core/errors.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { RequestInfo } from "../../session/http/request-contract.ts";
import { checkSessions } from "../node/check-mount.ts";
import type { SessionSource } from "../node/types.ts";
import { StorageSession } from "./storage-session.ts";
import type {
  ReactRouterPlainSession,
  ReactRouterSessionStorage,
  ReactRouterSessionStorageOptions,
} from "./storage-types.ts";

const optionsSchema = settingsObject({ isSecure: v.optional(v.boolean("true or false")) });

const COMMIT_OPTIONS = knownOptions(
  "commitSession()",
  ["maxAge", "expires"],
  "{ maxAge: 604_800 }",
  SessionUsageError,
);

/**
 * `getSession`, `commitSession` and `destroySession` in the form of React Router's `SessionStorage`:
 * for applications that are written for `createSessionStorage`, and without middleware. A commit
 * merges with the changes of other requests, and a destroyed session stays dead.
 *
 * @example
 * ```ts
 * import { redirect } from "react-router";
 * import { createSojourn } from "sojourn";
 * import { reactRouterSessionStorage } from "sojourn/adapters/react-router";
 *
 * const { sessions } = createSojourn<{ theme?: string }>({ projectName: "myproject", secretKey: process.env["SECRET_KEY"] });
 *
 * const { getSession, commitSession } = reactRouterSessionStorage(sessions);
 *
 * export async function action({ request }: { request: Request }) {
 *   const session = await getSession(request.headers.get("Cookie"));
 *   session.set("theme", "dark");
 *   return redirect("/", { headers: { "Set-Cookie": await commitSession(session) } });
 * }
 * ```
 */
export function reactRouterSessionStorage<Data extends object, FlashData = Data>(
  sessions: SessionSource<Data>,
  options: ReactRouterSessionStorageOptions = {},
): ReactRouterSessionStorage<Data, FlashData> {
  checkSessions(sessions, "reactRouterSessionStorage", "reactRouterSessionStorage(sessions)");
  const { isSecure = true } = parseSettings(optionsSchema, options, "reactRouterSessionStorage");
  return {
    getSession: async (cookieHeader) => {
      checkCookieHeader(cookieHeader);
      // Stands for the request, of which React Router's interface has the cookies alone.
      const request = {};
      const scope = sessions.scope(request, requestInfo(cookieHeader ?? undefined, isSecure));
      return new StorageSession<Data, FlashData>(await sessions.from(request), scope);
    },

    commitSession: async (session, given = {}) => {
      const own = ownSession<Data, FlashData>(session, "commitSession");
      checkOptions(given, COMMIT_OPTIONS);
      own.setLifetime(given.maxAge ?? given.expires);
      return own.commit();
    },

    destroySession: async (session) => {
      const own = ownSession<Data, FlashData>(session, "destroySession");
      await own.sojourn.logout();
      return own.commit();
    },
  };
}

function requestInfo(cookieHeader: string | undefined, isSecure: boolean): RequestInfo {
  return { cookieHeader, isSecure: () => isSecure, host: () => undefined };
}

function checkCookieHeader(header: unknown): void {
  if (header === undefined || header === null || typeof header === "string") return;
  throw new SessionUsageError(
    `getSession() expected the text of a Cookie header, got ${describeKind(header)}. Write ` +
      'getSession(request.headers.get("Cookie")).',
  );
}

/** @throws {SessionUsageError} For a session of another storage. */
function ownSession<Data extends object, FlashData>(
  session: ReactRouterPlainSession<Data, FlashData>,
  method: keyof ReactRouterSessionStorage<Data, FlashData>,
): StorageSession<Data, FlashData> {
  if (session instanceof StorageSession) return session as StorageSession<Data, FlashData>;
  throw new SessionUsageError(
    `${method}() expected a session of this storage's getSession(), got ${describeValue(session)}.`,
  );
}
