import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createCaches } from "../../src/cache/index.ts";
import { systemClock } from "../../src/core/clock.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import { buildProgram } from "../support/program.ts";
import { serverForTest } from "../support/redis-connections.ts";
import { describeWithRedis, type RedisServer } from "../support/redis-server.ts";
import { isSoak, scaled } from "../support/scale.ts";
import { KEYS, SETTINGS, type StressReport, TAGS } from "./cache-stress-process.ts";

const PROCESSES = 3;

async function startProcess(url: string): Promise<ChildProcess> {
  const program = await buildProgram(new URL("cache-stress-process.ts", import.meta.url));
  const child = spawn(process.execPath, [program, url], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "message");
  return child;
}

async function stop(child: ChildProcess): Promise<StressReport> {
  child.send("stop");
  const [report] = (await once(child, "message")) as [StressReport];
  return report;
}

describeWithRedis("a cache under stress", () => {
  test(
    "no value is older than a delete that had returned, and nothing is left when everything is deleted",
    async () => {
      const server = await serverForTest();
      const children: ChildProcess[] = [];
      for (let count = 0; count < PROCESSES; count++) children.push(await startProcess(server.url));
      const end = performance.now() + scaled(6, 60) * 1000;
      while (performance.now() < end) {
        await server.command("SCRIPT", "FLUSH");
        await pause(100);
        await killOne(server);
        await pause(100);
      }
      const reports = await Promise.all(children.map(stop));
      if (isSoak) process.stdout.write(`${JSON.stringify(reports.map(({ counts }) => counts))}\n`);
      expect(reports.flatMap(({ old }) => old)).toEqual([]);
      for (const { counts } of reports) {
        for (const name of ["getOrSet", "getOrSetMany", "get", "delete", "take", "touch", "invalidateTags"]) {
          expect(counts[name], name).toBeGreaterThan(0);
        }
      }

      const redis = new RedisRegistry({ default: server.settings });
      onTestFinished(() => redis.close());
      const cache = createCaches(
        { default: SETTINGS },
        { projectName: "stress", redis, clock: systemClock },
      ).default;
      await cache.deleteMany(KEYS);
      await cache.invalidateTags(TAGS);
      expect(await server.command("KEYS", `${SETTINGS.keyPrefix}:*`)).toEqual([]);
    },
    scaled(60, 180) * 1000,
  );
});

/** Cuts one connection of a cache, not those of the source. */
async function killOne(server: RedisServer): Promise<void> {
  const clients = String(await server.command("CLIENT", "LIST", "TYPE", "normal")).split("\n");
  const own = clients.filter((line) => line.includes(" name= ") && !line.includes("cmd=client"));
  const id = /id=(\d+)/.exec(own[Math.floor(Math.random() * own.length)] ?? "")?.[1];
  if (id !== undefined) await server.command("CLIENT", "KILL", "ID", id);
}
