import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

import { Deadline } from "../../src/core/deadlines.ts";
import { newSessionKey } from "../../src/core/ids.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { fileSessionStore } from "../../src/stores/file/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { Random } from "../support/random.ts";
import { seed } from "../support/scale.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { isWhole, recordOf } from "./file-records.ts";

const PROGRAM = fileURLToPath(new URL("file-writing-process.ts", import.meta.url));
const NODE_OPTIONS = ["--import", "tsx", "--conditions", "@sojourn/source"];
const KILLS = 6;

const later = (): Deadline => new Deadline(20_000);

/** Runs the program until it has written, and kills it a little later. */
async function writeUntilKilled(args: readonly string[], pause: number): Promise<void> {
  const child = spawn(process.execPath, [...NODE_OPTIONS, PROGRAM, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const hasWritten = await Promise.race([
    once(child.stdout, "data").then(() => true),
    exit.then(() => false),
  ]);
  if (!hasWritten) throw new Error("the process ended before it had written");
  await sleep(pause);
  child.kill("SIGKILL");
  await exit;
}

test("processes that are killed while they write leave each record whole, and nothing that stays", async () => {
  const path = temporaryFolder();
  const store = fileSessionStore({ path })({
    projectName: "p",
    redis: new RedisRegistry(),
    clock: new ManualClock(),
  });
  const keys = Array.from({ length: 4 * KILLS }, newSessionKey);
  for (const key of keys) await store.create(key, recordOf(0), 60_000, later());
  const random = new Random(seed);
  for (let kill = 0; kill < KILLS; kill++) {
    await writeUntilKilled([path, ...keys.slice(4 * kill, 4 * kill + 4)], random.integer(0, 30));
  }
  const leftovers = readdirSync(path).filter((name) => name.includes("."));
  expect(leftovers.length).toBeGreaterThan(0);
  const records = await Promise.all(keys.map((key) => store.read(key, later())));
  expect(records.filter((record) => record === undefined || !isWhole(record))).toHaveLength(0);

  // Ten seconds later.
  for (const lock of leftovers.filter((name) => name.endsWith(".lock"))) await utimes(join(path, lock), 0, 0);
  for (const [index, key] of keys.entries()) {
    const etag = { start: 0, text: records[index]?.slice(0, 20) ?? "" };
    expect(await store.commit(key, recordOf(-1), etag, 60_000, later())).toEqual({ status: "committed" });
  }
  await store.clearExpired(later);
  expect(readdirSync(path).toSorted()).toEqual(keys.map((key) => `sessionid${key}`).toSorted());
});
