import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Kysely, MysqlDialect, PostgresDialect } from "kysely";
import { createPool } from "mysql2";
import { Pool } from "pg";
import { createSessionTable } from "sojourn/stores/sql";
import { expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { describeWithMariadb, MariadbServer } from "../support/mariadb-server.ts";
import { describeWithPostgres, PostgresServer } from "../support/postgres-server.ts";
import { openSqlite } from "../support/sqlite-database.ts";
import { deleteFolder, makeTemporaryFolder } from "../support/temporary-folder.ts";
import { type Django, describeWithEnvironment } from "./support/djangos.ts";
import { siteSettings, type SiteSettingsOptions } from "./support/site-settings.ts";

const execute = promisify(execFile);

const MIGRATE = `
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
try:
    import pymysql
    pymysql.version_info = (2, 2, 1, "final", 0)
    pymysql.install_as_MySQLdb()
except ImportError:
    pass
import django
django.setup()
from django.core.management import call_command
call_command("migrate", *sys.argv[1:], verbosity=1)
from django.contrib.sessions.backends.db import SessionStore
session = SessionStore()
session["by"] = "Django"
session.save()
print("saved", session.session_key)
`;

async function migrate(django: Django, options: SiteSettingsOptions, ...args: string[]): Promise<string> {
  const env = { ...process.env, SITE_SETTINGS: JSON.stringify(siteSettings(options)) };
  const cwd = inProject("test", "interop", "site");
  const { stdout } = await execute(django.python, ["-B", "-X", "utf8", "-c", MIGRATE, ...args], { cwd, env });
  return stdout;
}

/** Node makes the table; Django, which finds it there, has to be told so. */
async function expectFakeInitial(
  django: Django,
  options: SiteSettingsOptions,
  database: Kysely<any>,
): Promise<void> {
  await createSessionTable(database);
  await database.destroy();
  await expect(migrate(django, options)).rejects.toThrow(/already exists/);
  expect(await migrate(django, options, "--fake-initial")).toContain("saved");
  expect(await migrate(django, options)).toContain("No migrations to apply");
}

await describeWithEnvironment("lts", (django) => {
  test("migrate --fake-initial takes the table that Node has made, on SQLite", async () => {
    const folder = makeTemporaryFolder("sojourn-fake-initial");
    await expectFakeInitial(django, { folder }, openSqlite(`${folder}/db.sqlite3`));
    deleteFolder(folder);
  });

  describeWithPostgres("with PostgreSQL", () => {
    test("migrate --fake-initial takes the table that Node has made", async () => {
      const server = await PostgresServer.start();
      const database = new Kysely<any>({ dialect: new PostgresDialect({ pool: new Pool(server.settings) }) });
      await expectFakeInitial(django, { folder: server.folder, postgres: server.settings }, database);
      await server.stop();
    });
  });

  describeWithMariadb("with MariaDB", () => {
    test("migrate --fake-initial takes the table that Node has made", async () => {
      const server = await MariadbServer.start();
      const database = new Kysely<any>({ dialect: new MysqlDialect({ pool: createPool(server.settings) }) });
      await expectFakeInitial(django, { folder: server.folder, mariadb: server.settings }, database);
      await server.stop();
    });
  });
});
