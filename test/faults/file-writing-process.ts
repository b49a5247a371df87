// A process that writes its sessions until it is killed: node file-writing-process.ts <folder> <key>...
import { Deadline } from "../../src/core/deadlines.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { fileSessionStore } from "../../src/stores/file/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { recordOf } from "./file-records.ts";

const [path = "", ...keys] = process.argv.slice(2);
const store = fileSessionStore({ path })({
  projectName: "p",
  redis: new RedisRegistry(),
  clock: new ManualClock(),
});
const later = (): Deadline => new Deadline(20_000);

await Promise.all(
  keys.map(async (key) => {
    for (let version = 0; ; version++) {
      const stored = (await store.read(key, later())) ?? "";
      const etag = { start: 0, text: stored.slice(0, 20) };
      await store.commit(key, recordOf(version), etag, 60_000, later());
      if (version === 1) process.stdout.write(".");
    }
  }),
);
