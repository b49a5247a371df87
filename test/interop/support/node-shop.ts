import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Request } from "express";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import { createSojourn, type Sojourn } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import {
  type DjangoAuth,
  djangoAuth,
  djangoSettings,
  type DjangoUser,
  type FromDjangoSettings,
} from "sojourn/django";
import { sqlSessionStore } from "sojourn/stores/sql";
import { SECRET } from "./django-peer.ts";
import { SiteVisitor } from "./site-visitor.ts";

type Data = Record<string, any>;

/** Settings of a shop. */
export interface NodeShopOptions {
  /** The dump of the Django site's settings. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The site's database. */
  readonly postgres: { readonly host: string; readonly user: string; readonly database: string };
}

/**
 * A Node service beside a Django site, with all settings from there: an Express application with the site's
 * routes.
 */
export class NodeShop {
  readonly url: string;
  readonly sojourn: Sojourn<Data>;
  readonly unsupported: FromDjangoSettings["unsupported"];
  readonly #close: () => Promise<void>;

  private constructor(
    url: string,
    sojourn: Sojourn<Data>,
    from: FromDjangoSettings,
    close: () => Promise<void>,
  ) {
    this.url = url;
    this.sojourn = sojourn;
    this.unsupported = from.unsupported;
    this.#close = close;
  }

  static async start({ settings, postgres }: NodeShopOptions): Promise<NodeShop> {
    const pool = new pg.Pool({ ...postgres, max: 10 });
    pool.on("error", () => {});
    const database = new Kysely<object>({ dialect: new PostgresDialect({ pool }) });
    const from = djangoSettings(
      { SECRET_KEY: SECRET, ...settings },
      { database: sqlSessionStore({ database }) },
    );
    // Two busy processors: an answer may take its time.
    const sojourn = createSojourn<Data>({
      ...from.settings,
      sessions: { ...from.settings.sessions, deadline: "20s" },
    });
    const auth = djangoAuth({
      secretKey: SECRET,
      backends: from.backends,
      findUser: (id) => findUser(pool, "id", id),
    });
    const server = createServer(makeApp(sojourn, auth, pool)).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new NodeShop(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      sojourn,
      from,
      async () => {
        server.closeAllConnections();
        server.close();
        await sojourn.close();
        await database.destroy();
      },
    );
  }

  /** A browser here. @param cookies A Cookie header that it comes with. */
  visitor(cookies?: string): SiteVisitor {
    return new SiteVisitor(this.url, cookies);
  }

  stop(): Promise<void> {
    return this.#close();
  }
}

interface Row extends DjangoUser {
  readonly id: string;
  readonly name: string;
}

async function findUser(pool: pg.Pool, column: "id" | "username", value: string): Promise<Row | undefined> {
  const text = `SELECT id::text, username AS name, password FROM auth_user WHERE ${column}::text = $1 AND is_active`;
  const { rows } = await pool.query<Row>(text, [value]);
  return rows[0];
}

function makeApp({ sessions }: Sojourn<Data>, auth: DjangoAuth<Row>, pool: pg.Pool): express.Express {
  const app = express();
  app.use(expressSessions(sessions), express.json({ type: () => true }));
  const user = async (request: Request) => auth.getUser(await sessions.from(request));
  app.get("/whoami", async (request, response) => {
    const found = await user(request);
    response.json(found === undefined ? null : { id: found.id, name: found.name });
  });
  // Checking passwords is Django's, and no part of this.
  app.post("/login", async (request, response) => {
    const found = await findUser(pool, "username", (request.body as { user: string }).user);
    if (found) await auth.login(await sessions.from(request), found);
    response.json(found === undefined ? null : { id: found.id, name: found.name });
  });
  app.post("/logout", async (request, response) => {
    await auth.logout(await sessions.from(request));
    response.json(null);
  });
  app.get("/cart", async (request, response) => {
    const { data } = await sessions.from(request);
    response.json(data["cart"] ?? {});
  });
  app.post("/cart", async (request, response) => {
    const { product, quantity = 1 } = request.body as { product: string; quantity?: number };
    const session = await sessions.from(request);
    response.json(
      await session.update((data) => {
        const cart = (data["cart"] ??= {}) as Record<string, number>;
        cart[product] = (cart[product] ?? 0) + quantity;
        return cart;
      }),
    );
  });
  app.get("/session", async (request, response) => {
    response.json((await sessions.from(request)).data);
  });
  app.post("/session", async (request, response) => {
    Object.assign((await sessions.from(request)).data, request.body);
    response.json(null);
  });
  return app;
}
