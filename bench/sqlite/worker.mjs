// @ts-check
// One of the processes of main.mjs: creates sessions and changes them, one after the other.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Kysely, SqliteDialect } from "kysely";
import { createSojourn } from "sojourn";
import { createSessionTable, sqlSessionStore } from "sojourn/stores/sql";

const [path = "", journal = "", timeout = "", seconds = ""] = process.argv.slice(2);
// No dependency of this project: its build needs a compiler.
const driver = "better-sqlite3";
const { default: Sqlite } = await import(driver);

const file = new Sqlite(path, { timeout: 5000 });
file.pragma(`journal_mode = ${journal}`);
const database = new Kysely({ dialect: new SqliteDialect({ database: file }) });
await createSessionTable(database);
await sleep(500);
file.pragma(`busy_timeout = ${timeout}`);

const { sessions } = createSojourn({
  projectName: "shop",
  secretKey: randomUUID(),
  sessions: { store: sqlSessionStore({ database }), deadline: "10s" },
});
const counts = { done: 0, failed: 0, longest: 0 };
const end = performance.now() + Number(seconds) * 1000;
while (performance.now() < end) {
  const session = await attempt(() => sessions.create({ n: 1 }));
  if (session) await attempt(() => session.update((data) => (data["n"] = 2)));
  // As between the requests of visitors: a process that never rests keeps the lock for itself.
  await sleep(1);
}
process.send?.(counts, () => process.disconnect());

/**
 * @template Result
 * @param {() => Promise<Result>} write
 */
async function attempt(write) {
  const started = performance.now();
  try {
    const result = await write();
    counts.done++;
    return result;
  } catch {
    counts.failed++;
    return undefined;
  } finally {
    counts.longest = Math.max(counts.longest, performance.now() - started);
  }
}
