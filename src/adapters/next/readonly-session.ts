import { SessionUsageError } from "../../core/errors.ts";
import type { Session } from "../../session/session.ts";
import type { ReadonlySession } from "./types.ts";

/** Members of a session that change it, or that need a response of its own. */
const CHANGING: ReadonlySet<PropertyKey> = new Set<keyof Session>([
  "login",
  "logout",
  "flush",
  "cycleKey",
  "save",
  "update",
  "touch",
  "reload",
  "close",
  "setExpiry",
  "flash",
  "takeFlash",
  "setTestCookie",
  "deleteTestCookie",
  "onEnded",
]);

/** Returns a session that can be read only. */
export function readonlySession<Data extends object>(session: Session<Data>): ReadonlySession<Data> {
  const view = new Proxy(session, {
    get(target, name) {
      if (CHANGING.has(name)) return () => refuse(`session.${String(name)}() was called`);
      const value: unknown = Reflect.get(target, name, target);
      if (name === "data") return readonlyData(value as object, "session.data");
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (_target, name) => refuse(`session.${String(name)} was assigned to`),
  });
  return view as unknown as ReadonlySession<Data>;
}

function readonlyData(data: object, path: string): object {
  const pathOf = (name: PropertyKey): string => `${path}.${String(name)}`;
  return new Proxy(data, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "object" && value !== null ? readonlyData(value, pathOf(name)) : value;
    },
    set: (_target, name) => refuse(`${pathOf(name)} was assigned to`),
    defineProperty: (_target, name) => refuse(`${pathOf(name)} was defined`),
    deleteProperty: (_target, name) => refuse(`${pathOf(name)} was deleted`),
  });
}

function refuse(event: string): never {
  throw new SessionUsageError(
    `${event}, but getSession() is for reading: Next can send no cookie for a server component. Change the session in a ` +
      "server action (sessionAction) or a route handler (withSession).",
  );
}
