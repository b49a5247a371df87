import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { Browser, startApp } from "./app.ts";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("updating-process.ts", import.meta.url));

describeWithRedis("several processes", () => {
  test("4 processes that count to 25 in one session at the same time: 100", async () => {
    const server = await RedisServer.start();
    onTestFinished(() => server.stop());
    const app = await startApp({ settings: { redis: { default: server.settings } } });
    const browser = new Browser(app.url);
    await browser.post("/set/first");
    const node = ["--import", "tsx", "--conditions", "@sojourn/source"];
    await Promise.all(
      Array.from({ length: 4 }, () => run(process.execPath, [...node, PROGRAM, server.url, browser.cookie, "25"])),
    );
    expect((await browser.get("/read")).data).toStrictEqual({ first: true, n: 100 });
  });
});
