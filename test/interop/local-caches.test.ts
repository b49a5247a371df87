import { Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cache, CacheCorruptError, createSojourn, type Sojourn } from "sojourn";
import { djangoSettings, type FromDjangoSettings } from "sojourn/django";
import { createCacheTables, sqlCacheStore } from "sojourn/stores/sql";
import { join } from "node:path";
import { openSqlite } from "../support/sqlite-database.ts";
import { describeWithPostgres, PostgresServer } from "../support/postgres-server.ts";
import { deleteFolder, makeTemporaryFolder } from "../support/temporary-folder.ts";
import { SECRET } from "./support/django-peer.ts";
import { DjangoSite } from "./support/django-site.ts";
import { describeWithEnvironment } from "./support/djangos.ts";
import { DjangoCacheClient } from "./support/shared-cache.ts";

const TABLE = "shared_cache";
const INTEGERS = [0, 1, -1, 255, 256, 65_536, -(2 ** 31) - 1, 2 ** 53 - 1];

await describeWithEnvironment("lts", (django) => {
  /** The caches of a site in its database and in files, at both sides. */
  class LocalSite {
    readonly site: DjangoSite;
    readonly unsupported: FromDjangoSettings["unsupported"];
    readonly #sojourn: Sojourn<object>;
    readonly #database: Kysely<any>;
    readonly #folder: string;

    private constructor(site: DjangoSite, database: Kysely<any>, folder: string) {
      const { settings, unsupported } = djangoSettings(
        { SECRET_KEY: SECRET, ...site.settings },
        { databaseCache: (options) => sqlCacheStore({ database, ...options }) },
      );
      const caches = Object.entries(settings.caches ?? {}).map(([alias, cache]) => [
        alias,
        { ...cache, deadline: "20s" },
      ]);
      this.site = site;
      this.unsupported = unsupported;
      this.#sojourn = createSojourn<object>({ ...settings, caches: Object.fromEntries(caches) });
      this.#database = database;
      this.#folder = folder;
    }

    static async start(postgres?: PostgresServer): Promise<LocalSite> {
      const folder = makeTemporaryFolder("sojourn-local-caches");
      const backends = "django.core.cache.backends";
      const CACHES = {
        default: { BACKEND: `${backends}.db.DatabaseCache`, LOCATION: TABLE, KEY_PREFIX: "p", VERSION: 3 },
        files: {
          BACKEND: `${backends}.filebased.FileBasedCache`,
          LOCATION: join(folder, "cache"),
          KEY_PREFIX: "p",
        },
        none: { BACKEND: `${backends}.dummy.DummyCache` },
      };
      const settings = { CACHES };
      const site = await DjangoSite.start({
        django,
        engine: "file",
        ...(postgres && { postgres: postgres.settings }),
        settings,
      });
      const database = postgres === undefined ? openSqlite(nameOf(site)) : connect(postgres);
      await createCacheTables(database, { table: TABLE });
      return new LocalSite(site, database, folder);
    }

    node(alias: string): Cache {
      const cache = this.#sojourn.caches[alias];
      if (cache === undefined) throw new Error(`There is no cache ${alias}.`);
      return cache;
    }

    there(alias: string): DjangoCacheClient {
      return new DjangoCacheClient(this.site.visitor(), alias);
    }

    async stop(): Promise<void> {
      await this.#sojourn.close();
      await this.#database.destroy();
      await this.site.stop();
      deleteFolder(this.#folder);
    }
  }

  function describeSite(start: () => Promise<LocalSite>, aliases: readonly string[]): void {
    let both: LocalSite;

    beforeAll(async () => {
      both = await start();
    });

    afterAll(() => both?.stop());

    describe.for([...aliases])("the cache %s", (alias) => {
      test("integers, None, True and False cross both ways", async () => {
        const [node, there] = [both.node(alias), both.there(alias)];
        for (const value of [...INTEGERS, null, true, false]) {
          await there.call("set", ["theirs", value]);
          await node.set("ours", value);
          expect([await node.get("theirs"), await there.call("get", ["ours", "gone"])]).toEqual([
            value,
            value,
          ]);
        }
      });

      test("counters are counted by both, and keep their time in Node", async () => {
        const [node, there] = [both.node(alias), both.there(alias)];
        await there.call("set", ["hits", 1, 1000]);
        expect(await node.ttl("hits")).toBeGreaterThan(900);
        expect([await node.incr("hits"), await there.call("incr", ["hits", 5])]).toEqual([2, 7]);
        expect(await node.decr("hits")).toBe(6);
        expect(await there.call("add", ["hits", 1])).toBe(false);
        expect(await node.add("hits", 1)).toBe(false);
      });

      test("Node's other values are texts of JSON there, and Django's texts of JSON are values here", async () => {
        const [node, there] = [both.node(alias), both.there(alias)];
        for (const value of [{ é: [1.5, null] }, ["a"], "text", "x".repeat(300), "long ".repeat(20_000)]) {
          await node.set("ours", value);
          const text = (await there.call("get", ["ours"])) as string;
          expect(JSON.parse(text)).toEqual(value);
          await there.call("set", ["theirs", text]);
          expect(await node.get("theirs")).toEqual(value);
        }
      });

      test("Django's pickles of objects are not read, and not taken for absent", async () => {
        const [node, there] = [both.node(alias), both.there(alias)];
        await there.call("set", ["object", { a: [1] }]);
        await expect(node.get("object")).rejects.toThrow(CacheCorruptError);
        expect(await node.add("object", 1)).toBe(false);
        expect(await there.call("get", ["object"])).toEqual({ a: [1] });
        await node.set("object", 2);
        expect(await there.call("get", ["object"])).toBe(2);
      });

      test("times, deletions and misses are the same at both sides", async () => {
        const [node, there] = [both.node(alias), both.there(alias)];
        await node.set("forever", 1, { timeout: null });
        await there.call("set", ["theirs", 1, null]);
        expect(await node.ttl("theirs")).toBeNull();
        expect(await there.call("touch", ["forever", 50])).toBe(true);
        expect(await node.ttl("forever")).toBeLessThanOrEqual(50);
        expect([await node.delete("theirs"), await there.call("get", ["theirs", "gone"])]).toEqual([
          true,
          "gone",
        ]);
        expect([await there.call("delete", ["forever"]), await node.get("forever")]).toEqual([
          true,
          undefined,
        ]);
      });
    });

    test("a cache that stores nothing stores nothing here either", async () => {
      await both.node("none").set("k", 1);
      expect(await both.node("none").get("k")).toBeUndefined();
    });

    test("what does not cross is said", () => {
      const named = both.unsupported.filter(({ setting }) => setting.startsWith("CACHES"));
      expect(named.map(({ setting }) => setting)).toEqual([
        'CACHES["default"]["BACKEND"]',
        'CACHES["files"]["BACKEND"]',
      ]);
      for (const { reason } of named)
        expect(reason).toContain("integers, texts, None, True and False are shared");
    });
  }

  describeWithPostgres("Django's caches in PostgreSQL and in files", () => {
    let postgres: PostgresServer;

    beforeAll(async () => {
      postgres = await PostgresServer.start();
    });

    afterAll(() => postgres?.stop());

    describeSite(() => LocalSite.start(postgres), ["default", "files"]);
  });

  describe("Django's cache in SQLite", () => {
    describeSite(() => LocalSite.start(), ["default"]);
  });
});

function connect(postgres: PostgresServer): Kysely<any> {
  const pool = new Pool({ ...postgres.settings, max: 4 });
  pool.on("error", () => {});
  return new Kysely<any>({ dialect: new PostgresDialect({ pool }) });
}

function nameOf({ settings }: DjangoSite): string {
  return (settings["DATABASES"] as { default: { NAME: string } }).default.NAME;
}
