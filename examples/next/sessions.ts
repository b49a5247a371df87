import { createSojourn } from "sojourn";
import { nextSessions } from "sojourn/adapters/next";
import { redisSessionStore } from "sojourn/stores/redis";

/** Session data of this shop. JSON values only. */
export interface ShopData {
  /** Quantities by product id. An object, so that additions of two tabs are merged. */
  cart?: Record<string, number>;
}

export const { sessions } = createSojourn<ShopData>({
  projectName: "sojourn-shop",
  secretKey: process.env["SECRET_KEY"],
  redis: { default: process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379" },
  sessions: { store: redisSessionStore(), cookie: { secure: "auto" } },
});

export const { getSession, withSession, sessionAction, refreshSession } = nextSessions(sessions);
