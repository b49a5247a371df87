import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";

/** Folder of the style sheet and the icon. */
export const publicFolder: string = fileURLToPath(new URL("public", import.meta.url));

export interface ShopSettings {
  readonly port: number;
  /** Signs the sessions. */
  readonly secretKey: string;
  /** Store of the sessions; memory where it is undefined. */
  readonly redisUrl: string | undefined;
  /** Number of proxies in front, whose `X-Forwarded-*` headers are trusted. */
  readonly proxies: number;
  /** Location of the sessions, for printing. */
  readonly place: string;
  /** Advice for the operator. */
  readonly advice: string | undefined;
}

export class SettingsError extends Error {}

/** Reads `PORT`, `REDIS_URL`, `SECRET_KEY` and `TRUST_PROXY`. An empty one counts as not set. */
export function readSettings(env: NodeJS.ProcessEnv): ShopSettings {
  const {
    PORT: port = "3000",
    REDIS_URL: redisUrl,
    SECRET_KEY: secretKey,
    TRUST_PROXY: proxies = "0",
  } = withoutEmpty(env);
  return {
    port: readPort(port),
    redisUrl,
    proxies: readProxies(proxies),
    secretKey: secretKey ?? randomBytes(32).toString("base64url"),
    place: redisUrl === undefined ? "memory" : `Redis at ${withoutPassword(redisUrl)}`,
    advice: redisUrl !== undefined && secretKey === undefined ? NO_SECRET_KEY : undefined,
  };
}

/** Makes the settings of `createSojourn`: sessions in Redis where there is a `REDIS_URL`, else in memory. */
export function sojournSettings({ secretKey, redisUrl }: Pick<ShopSettings, "secretKey" | "redisUrl">) {
  return {
    projectName: "sojourn-shop",
    secretKey,
    redis: redisUrl === undefined ? {} : { default: redisUrl },
    sessions: {
      store: redisUrl === undefined ? memorySessionStore() : redisSessionStore(),
      cookie: { secure: "auto" },
    },
  } as const;
}

/** Prints the address of a shop that listens. */
export function announce(framework: string, port: number, { place, advice }: ShopSettings): void {
  console.log(`The shop of ${framework} is on http://localhost:${port}, sessions in ${place}`);
  if (advice !== undefined) console.log(advice);
}

function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
}

const NO_SECRET_KEY =
  "SECRET_KEY is not set, so this start has a random one: sessions that are in Redis already cannot be read, and " +
  "those of this start not by the next.";

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new SettingsError(`PORT: expected a number from 0 to 65535, got "${text}".`);
}

/** A number, since trusting every proxy means trusting every visitor. */
function readProxies(text: string): number {
  if (/^\d$/.test(text)) return Number(text);
  throw new SettingsError(
    `TRUST_PROXY: expected how many proxies stand in front, from 0 to 9, got "${text}".`,
  );
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return "REDIS_URL";
  const { protocol, host, pathname, search } = new URL(url);
  return `${protocol}//${host}${pathname}${search}`;
}
