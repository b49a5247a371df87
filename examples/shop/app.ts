import { fileURLToPath } from "node:url";
import express, { type Express } from "express";
import { createSojourn, type Sessions } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";
import { errorPage, type Log, notFoundPage } from "./errors.ts";
import { lastWriteWins } from "./race/last-write-wins.ts";
import { recordsInMemory, recordsInRedis } from "./race/records.ts";
import { withSojourn } from "./race/with-sojourn.ts";
import { accountPages } from "./routes/account.ts";
import { cartPages } from "./routes/cart.ts";
import { productPages } from "./routes/products.ts";
import { racePages } from "./routes/race.ts";
import { noStore, sameOriginOnly, securityHeaders } from "./security.ts";
import type { ShopData } from "./session-data.ts";

export interface ShopOptions {
  /** Signs the sessions. */
  readonly secretKey: string;
  /** Where sessions are kept; without it, in memory. */
  readonly redisUrl?: string | undefined;
  /** Takes what the visitor is not told. @defaultValue `console.error` */
  readonly log?: Log;
}

export interface Shop {
  readonly app: Express;
  readonly sessions: Sessions<ShopData>;
  close(): Promise<void>;
}

const publicFolder = fileURLToPath(new URL("public", import.meta.url));

/** The shop as an Express application. It listens to nothing yet, and opens no connection. */
export function createShop({ secretKey, redisUrl, log = console.error }: ShopOptions): Shop {
  const sojourn = createSojourn<ShopData>({
    projectName: "sojourn-shop",
    secretKey,
    redis: redisUrl === undefined ? {} : { default: redisUrl },
    sessions: {
      store: redisUrl === undefined ? memorySessionStore() : redisSessionStore(),
      cookie: { secure: "auto" },
    },
  });
  const { sessions } = sojourn;
  const records = redisUrl === undefined ? recordsInMemory() : recordsInRedis(redisUrl);

  const app = express();
  app.disable("x-powered-by");
  app.use(securityHeaders);
  app.use(express.static(publicFolder));
  app.use(noStore, sameOriginOnly, express.urlencoded({ extended: false, limit: "2kb" }));
  app.use(expressSessions(sessions));
  app.use(productPages(sessions), cartPages(sessions), accountPages(sessions));
  app.use(racePages(sessions, { sojourn: withSojourn(sessions), "last-write-wins": lastWriteWins(sessions, records) }));
  app.use(notFoundPage, errorPage(log));

  const close = async (): Promise<void> => {
    await Promise.all([sojourn.close(), records.close()]);
  };
  return { app, sessions, close };
}
