import { ImproperlyConfigured } from "../core/errors.ts";

const EXPECTED =
  'a URL such as "redis://user:password@host:6379/0", "rediss://host" for TLS or "unix:///run/redis.sock?db=0"';

/**
 * Reads a URL, in the forms of redis-py (which Django uses): the database is the path, or `?db=`.
 *
 * @param setting Path of the setting, for messages, which never show the URL: it may hold a
 * password.
 * @throws {ImproperlyConfigured}
 */
export function parseRedisUrl(text: string, setting: string): RedisUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "unix:")
    return { path: decode(url.pathname, setting), ...loginOf(url, undefined, setting) };
  if (url?.protocol !== "redis:" && url?.protocol !== "rediss:")
    throw wrongUrl(setting, `expected ${EXPECTED}.`);
  const [database, ...more] = url.pathname.split("/").slice(1);
  if (more.length > 0)
    throw wrongUrl(setting, `expected ${EXPECTED}, but the path of the URL has several parts.`);
  return {
    // An IPv6 address stands in brackets in a URL.
    host: url.hostname === "" ? "localhost" : decode(url.hostname.replace(/^\[(.*)\]$/, "$1"), setting),
    port: url.port === "" ? 6379 : Number(url.port),
    tls: url.protocol === "rediss:",
    ...loginOf(url, database, setting),
  };
}

/** Parts of a URL: address of the server, and credentials. */
export type RedisUrl = Login &
  ({ readonly host: string; readonly port: number; readonly tls: boolean } | { readonly path: string });

interface Login {
  database?: number;
  username?: string;
  password?: string;
}

function loginOf(url: URL, databaseInPath: string | undefined, setting: string): Login {
  const login: Login = {};
  if (url.username !== "") login.username = decode(url.username, setting);
  if (url.password !== "") login.password = decode(url.password, setting);
  const database =
    databaseInPath === undefined || databaseInPath === "" ? dbParameter(url, setting) : databaseInPath;
  if (database !== undefined) login.database = toDatabase(database, setting);
  return login;
}

function dbParameter(url: URL, setting: string): string | undefined {
  for (const name of url.searchParams.keys()) {
    if (name !== "db") throw wrongUrl(setting, 'the only parameter that the URL may have is "db".');
  }
  return url.searchParams.get("db") ?? undefined;
}

function toDatabase(text: string, setting: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw wrongUrl(setting, "expected the database in the URL to be a number, as in redis://localhost:6379/3.");
}

function decode(text: string, setting: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    const message =
      "the URL has a % that does not begin an escape. Write % as %25 in user names and passwords.";
    throw new ImproperlyConfigured(setting, message, { cause });
  }
}

function wrongUrl(setting: string, message: string): ImproperlyConfigured {
  return new ImproperlyConfigured(setting, message);
}
