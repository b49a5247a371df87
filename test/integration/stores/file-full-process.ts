// A process that commits a record for which there is no room, and prints the error: node file-full-process.ts
// <folder> <key>
import { Deadline } from "../../../src/core/deadlines.ts";
import { StoreServiceError } from "../../../src/core/errors.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { fileSessionStore } from "../../../src/stores/file/index.ts";
import { ManualClock } from "../../../src/testing/manual-clock.ts";

// Else the limit ends the process.
process.on("SIGXFSZ", () => {});
const [path = "", key = ""] = process.argv.slice(2);
const context = { projectName: "p", redis: new RedisRegistry(), clock: new ManualClock() };
const store = fileSessionStore({ path })(context);
try {
  await store.commit(key, "two".repeat(1000), { start: 0, text: "one" }, 60_000, new Deadline(20_000));
} catch (error) {
  if (!(error instanceof StoreServiceError)) throw error;
  const { name, outcome, message } = error;
  process.stdout.write(JSON.stringify({ name, outcome, message }));
}
