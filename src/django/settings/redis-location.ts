import type { RedisConnectionSettings } from "../../redis/settings.ts";
import { cannotShare } from "./names.ts";

type Options = Readonly<Record<string, unknown>>;

interface Login {
  database?: number;
  username?: string;
  password?: string;
}

/** Location of Redis without any setting: codex-django's default. */
export const DEFAULT_REDIS_URL = "redis://localhost:6379/0";

/**
 * Builds a connection from `LOCATION` (a URL, `host:port`, or a list) and from `OPTIONS`: `DB` or
 * `db`, `USERNAME` and `PASSWORD` in either case.
 *
 * @param setting Name of the location in messages.
 * @throws {ImproperlyConfigured} For a location of another form. It is not shown: it may hold a
 *   password.
 */
export function toRedisConnection(
  location: string,
  options: Options,
  setting: string,
): RedisConnectionSettings {
  const login = loginOf(options, setting);
  if (location.includes("://"))
    return Object.keys(login).length === 0 ? location : { url: location, ...login };
  const [, host, port, database] =
    /^([^\s/@:]+|\[[0-9a-f:.]+\])(?::(\d+))?(?::(\d+))?$/i.exec(location) ?? [];
  if (host !== undefined) {
    return {
      host: host.replace(/^\[(.*)\]$/, "$1"),
      ...(port !== undefined && { port: Number(port) }),
      ...(database !== undefined && { database: Number(database) }),
      ...login,
    };
  }
  if (location.startsWith("/")) return { path: location, ...login };
  throw cannotShare(
    setting,
    'expected a URL such as "redis://host:6379/0", "host:port" or the path of a socket.',
  );
}

/**
 * Returns the servers of a `LOCATION`: Django writes to the first one, and reads from the others.
 */
export function serversOf(location: string | readonly string[] | null | undefined): readonly string[] {
  const servers = typeof location === "string" ? location.split(/[;,]/) : (location ?? []);
  return servers.map((server) => server.trim()).filter((server) => server !== "");
}

function loginOf(options: Options, setting: string): Login {
  const login: Login = {};
  const database = options["DB"] ?? options["db"];
  if (database !== undefined && database !== null) login.database = toDatabase(database, setting);
  const username = options["USERNAME"] ?? options["username"];
  if (typeof username === "string") login.username = username;
  const password = options["PASSWORD"] ?? options["password"];
  if (typeof password === "string") login.password = password;
  return login;
}

function toDatabase(database: unknown, setting: string): number {
  if (typeof database === "number" || (typeof database === "string" && /^\d+$/.test(database)))
    return Number(database);
  throw cannotShare(`${setting} OPTIONS.DB`, "expected the number of a database.");
}
