import { fileURLToPath } from "node:url";
import express, { type Express } from "express";
import { createSojourn, type Sessions } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { memoryCacheStore } from "sojourn/stores/memory";
import { redisCacheStore } from "sojourn/stores/redis";
import { publicFolder as sharedFolder, sojournSettings } from "../shared/settings.ts";
import { errorPage, type Log, notFoundPage } from "./errors.ts";
import { lastWriteWins } from "./race/last-write-wins.ts";
import { recordsInMemory, recordsInRedis } from "./race/records.ts";
import { withSojourn } from "./race/with-sojourn.ts";
import { accountPages } from "./routes/account.ts";
import { cartPages } from "./routes/cart.ts";
import { deviceForms } from "./routes/devices.ts";
import { newsPages } from "./routes/news.ts";
import { productPages } from "./routes/products.ts";
import { racePages } from "./routes/race.ts";
import { recordPages } from "./routes/record.ts";
import { noStore, sameOriginOnly, securityHeaders } from "./security.ts";
import type { ShopData } from "./session-data.ts";
import { recordsIn } from "./stored-record.ts";

export interface ShopOptions {
  /** Signs the sessions. */
  readonly secretKey: string;
  /** Store of the sessions. @defaultValue memory */
  readonly redisUrl?: string | undefined;
  /** Number of proxies in front, whose `X-Forwarded-*` headers are trusted. @defaultValue `0` */
  readonly proxies?: number;
  /** Logs errors whose details visitors do not see. @defaultValue `console.error` */
  readonly log?: Log;
}

export interface Shop {
  readonly app: Express;
  readonly sessions: Sessions<ShopData>;
  close(): Promise<void>;
}

const PROJECT_NAME = "sojourn-shop";
const publicFolder = fileURLToPath(new URL("public", import.meta.url));

/** Creates the shop as an Express application, without listening or opening a connection. */
export function createShop({ secretKey, redisUrl, proxies = 0, log = console.error }: ShopOptions): Shop {
  const sojourn = createSojourn<ShopData>({
    ...sojournSettings({ secretKey, redisUrl }),
    caches: {
      default: {
        keyPrefix: PROJECT_NAME,
        store: redisUrl === undefined ? memoryCacheStore() : redisCacheStore(),
      },
    },
  });
  const { sessions, caches, redis } = sojourn;
  const findRecord = redisUrl === undefined ? undefined : recordsIn(redis.get(), `${PROJECT_NAME}:session:`);
  const records = redisUrl === undefined ? recordsInMemory() : recordsInRedis(redisUrl);

  const app = express();
  app.disable("x-powered-by");
  app.set("trust proxy", proxies);
  app.use(securityHeaders);
  app.use(express.static(publicFolder), express.static(sharedFolder));
  app.use(noStore, sameOriginOnly, express.urlencoded({ extended: false, limit: "2kb" }));
  app.use(expressSessions(sessions));
  app.use(productPages(sessions), cartPages(sessions), accountPages(sessions), deviceForms(sessions));
  app.use(newsPages(sessions, caches.default), recordPages(sessions, findRecord));
  app.use(
    racePages(sessions, {
      sojourn: withSojourn(sessions),
      "last-write-wins": lastWriteWins(sessions, records),
    }),
  );
  app.use(notFoundPage, errorPage(log));

  const close = async (): Promise<void> => {
    await Promise.all([sojourn.close(), records.close()]);
  };
  return { app, sessions, close };
}
