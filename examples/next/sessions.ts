import { createSojourn } from "sojourn";
import { nextSessions } from "sojourn/adapters/next";
import { memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";
import type { ShopData } from "../shared/session-data.ts";

const { SECRET_KEY, REDIS_URL } = process.env;

const open = () =>
  createSojourn<ShopData>({
    projectName: "sojourn-shop",
    secretKey: SECRET_KEY,
    redis: REDIS_URL === undefined ? {} : { default: REDIS_URL },
    sessions: {
      store: REDIS_URL === undefined ? memorySessionStore() : redisSessionStore(),
      cookie: { secure: "auto" },
    },
  });

/** Pages, route handlers and the proxy are bundles of their own, which share what is here. */
const shared = globalThis as { sojourn?: ReturnType<typeof open> };

export const { sessions } = (shared.sojourn ??= open());

export const { getSession, withSession, sessionAction, refreshSession } = nextSessions(sessions, {
  crossSite: "refuse",
});
