import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { MARGIN, serverForTest } from "../support/redis-connections.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { type OutstandingMessage, type OutstandingReport, REQUESTS } from "./outstanding-messages.ts";
import { TcpProxy } from "./tcp-proxy.ts";

const PROGRAM = fileURLToPath(new URL("outstanding-process.ts", import.meta.url));
const NODE_OPTIONS = ["--expose-gc", "--import", "tsx", "--conditions", "@sojourn/source"];
const MEBIBYTE = 1024 * 1024;

/**
 * Bytes that one outstanding request may hold: its promises, its command and the wait for the
 * answer.
 */
const BYTES_A_REQUEST = 8 * 1024;
/** Compiled code and caches, which do not grow with the number of requests. */
const STAYS = 4 * MEBIBYTE;

async function run(
  isLinked: boolean,
): Promise<{ report: OutstandingReport; leakedSockets: number; exitCode: unknown }> {
  const server = await serverForTest();
  const proxy = await TcpProxy.start(server.port);
  onTestFinished(() => proxy.close());
  const args = [
    ...NODE_OPTIONS,
    PROGRAM,
    `redis://127.0.0.1:${proxy.port}`,
    isLinked ? "linked" : "unlinked",
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const exit = once(child, "exit");
  let report: OutstandingReport | undefined;
  for await (const [message] of on(child, "message", { close: ["disconnect"] }) as AsyncIterable<
    [OutstandingMessage]
  >) {
    if (message.type === "report") {
      report = message;
      continue;
    }
    if (message.type === "ready") proxy.conditions.blackHole = true;
    else await proxy.heal();
    child.send({});
  }
  const [exitCode] = (await exit) as [unknown];
  if (report === undefined) throw new Error("the process ended without a report");
  await vi.waitUntil(() => proxy.openSockets === 0, { timeout: 3000 }).catch(() => {});
  return { report, leakedSockets: proxy.openSockets, exitCode };
}

function expectBounded({ heapBefore, heapOutstanding, heapAfter, latest }: OutstandingReport): void {
  expect(heapOutstanding - heapBefore).toBeLessThan(REQUESTS * BYTES_A_REQUEST);
  expect(heapAfter - heapBefore).toBeLessThan(STAYS);
  expect(latest).toBeLessThan(MARGIN);
}

describeWithRedis(`${REQUESTS} requests outstanding at a server that answers nothing`, () => {
  test("on an open connection: bounded in memory and time, and it recovers and leaves nothing behind", async () => {
    const { report, leakedSockets, exitCode } = await run(true);
    expectBounded(report);
    // The client takes 5000; the others are told at once that nothing was sent.
    expect(report.failed).toStrictEqual({ "not-sent": 5000, unknown: 5000 });
    expect(report).toMatchObject({
      succeeded: 0,
      hasRecovered: true,
      leakedResources: [],
      leakedListeners: 0,
    });
    expect({ leakedSockets, exitCode }).toStrictEqual({ leakedSockets: 0, exitCode: 0 });
  });

  test("while a connection is being opened: the same, and none of them was sent", async () => {
    const { report, leakedSockets, exitCode } = await run(false);
    expectBounded(report);
    expect(report.failed).toStrictEqual({ "not-sent": REQUESTS });
    expect(report).toMatchObject({
      succeeded: 0,
      hasRecovered: true,
      leakedResources: [],
      leakedListeners: 0,
    });
    expect({ leakedSockets, exitCode }).toStrictEqual({ leakedSockets: 0, exitCode: 0 });
  });
});
