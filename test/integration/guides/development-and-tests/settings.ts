import { type Clock, createSojourn, type Sojourn } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";

/** The data that the application keeps of a visitor. */
export interface Visitor {
  cart?: Record<string, number>;
}

/** Sessions for an environment. What tests need otherwise goes over its settings. */
export function openSojourn(env: NodeJS.ProcessEnv, overrides: { clock?: Clock } = {}): Sojourn<Visitor> {
  return createSojourn<Visitor>({ ...readSettings(env), ...overrides });
}

/** Redis where the environment names one, else memory. Production has to name one. */
function readSettings({ NODE_ENV, REDIS_URL, SECRET_KEY }: NodeJS.ProcessEnv) {
  const projectName = "myproject";
  if (REDIS_URL && SECRET_KEY) {
    return {
      projectName,
      secretKey: SECRET_KEY,
      redis: { default: REDIS_URL },
      sessions: { store: redisSessionStore() },
    };
  }
  if (NODE_ENV === "production") throw new Error("Production needs REDIS_URL and SECRET_KEY.");
  return {
    projectName,
    secretKey: "a key for development and tests alone",
    sessions: { store: memorySessionStore(), cookie: { secure: "auto" as const } },
  };
}
