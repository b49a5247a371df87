import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { describeWithRedis, freePort, RedisServer } from "../../../test/support/redis-server.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const COMMAND = ["--import", "tsx", "--conditions", "@sojourn/source", "examples/shop/server.ts"];

/** The shop as a process of its own. */
class ShopProcess {
  readonly #child: ChildProcess;
  #output = "";
  readonly #ended: Promise<unknown>;

  constructor(env: Record<string, string>) {
    const inherited = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
    this.#child = spawn(process.execPath, COMMAND, { cwd: root, env: { ...inherited, ...env } });
    this.#child.stdout?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#ended = once(this.#child, "close");
    onTestFinished(() => void this.#child.kill("SIGKILL"));
  }

  get lines(): string[] {
    return this.#output.split("\n").slice(0, -1);
  }

  async hasPrinted(count: number): Promise<string[]> {
    await expect.poll(() => this.lines.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
    return this.lines;
  }

  async end(signal?: NodeJS.Signals): Promise<{ exitCode: number | null; lines: string[] }> {
    if (signal !== undefined) this.#child.kill(signal);
    await this.#ended;
    return { exitCode: this.#child.exitCode, lines: this.lines };
  }
}

test("the first line names the address and the store, and the shop serves it", async () => {
  const port = await freePort();
  const shop = new ShopProcess({ PORT: `${port}`, REDIS_URL: "" });
  expect(await shop.hasPrinted(1)).toEqual([`Sojourn shop on http://localhost:${port}, sessions in memory`]);
  expect((await fetch(`http://localhost:${port}/`)).status).toBe(200);
});

test.for([
  ["", 403, []],
  ["1", 303, [expect.stringContaining("; Secure")]],
] as const)(
  'behind a proxy with TRUST_PROXY="%s" a form over https gets %d',
  async ([proxies, status, cookies]) => {
    const shop = new ShopProcess({ PORT: "0", TRUST_PROXY: proxies });
    const [line = ""] = await shop.hasPrinted(1);
    const address = /http:\S+\d/.exec(line)?.[0] ?? "";
    const headers = {
      Origin: "https://shop.example",
      "X-Forwarded-Host": "shop.example",
      "X-Forwarded-Proto": "https",
    };
    const response = await fetch(`${address}/cart/mug/add`, { method: "POST", headers, redirect: "manual" });
    expect(response.status).toBe(status);
    expect(response.headers.getSetCookie()).toEqual(cookies);
  },
);

test.for(["SIGTERM", "SIGINT"] as const)(
  "%s ends it in good order, also while a browser keeps its connection",
  async (signal) => {
    const shop = new ShopProcess({ PORT: "0" });
    const [line = ""] = await shop.hasPrinted(1);
    const address = /http:\S+\d/.exec(line)?.[0] ?? "";
    await (await fetch(address)).text();
    expect(await shop.end(signal)).toEqual({ exitCode: 0, lines: [line] });
  },
);

test("a port in use is reported in one line", async () => {
  const server = createServer().listen(0);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { exitCode, lines } = await new ShopProcess({ PORT: `${port}` }).end();
  expect(lines).toEqual([expect.stringContaining(`Port ${port} is in use.`)]);
  expect(exitCode).toBe(1);
});

test.for([
  [{ PORT: "eighty" }, 'PORT: expected a number from 0 to 65535, got "eighty".'],
  [
    { PORT: "0", TRUST_PROXY: "true" },
    'TRUST_PROXY: expected how many proxies stand in front, from 0 to 9, got "true".',
  ],
  [{ PORT: "0", REDIS_URL: "http://localhost" }, "redis.default: "],
] as const)("a wrong setting is said in one line: %o", async ([env, message]) => {
  const { exitCode, lines } = await new ShopProcess(env).end();
  expect(lines).toEqual([expect.stringContaining(message)]);
  expect(exitCode).toBe(1);
});

describeWithRedis("with REDIS_URL", () => {
  test("the first line shows the address without the password, the second advises a SECRET_KEY", async () => {
    const redis = await RedisServer.start({ password: "hush-hush" });
    onTestFinished(() => redis.stop());
    const shop = new ShopProcess({
      PORT: "0",
      REDIS_URL: `redis://default:hush-hush@127.0.0.1:${redis.port}/2`,
    });
    const lines = await shop.hasPrinted(2);
    expect(lines[0]).toMatch(
      new RegExp(
        `^Sojourn shop on http://localhost:\\d+, sessions in Redis at redis://127.0.0.1:${redis.port}/2$`,
      ),
    );
    expect(lines[1]).toContain("SECRET_KEY is not set");
    expect(lines.join()).not.toContain("hush");
    expect((await shop.end("SIGTERM")).exitCode).toBe(0);
  });

  test("with a SECRET_KEY a cart survives a restart of the shop", async () => {
    const redis = await RedisServer.start();
    onTestFinished(() => redis.stop());
    const env = {
      PORT: `${await freePort()}`,
      REDIS_URL: redis.url,
      SECRET_KEY: "a secret for the tests of the shop",
    };
    const address = `http://localhost:${env.PORT}`;

    const before = new ShopProcess(env);
    expect(await before.hasPrinted(1)).toHaveLength(1);
    const added = await fetch(`${address}/cart/mug/add`, { method: "POST", redirect: "manual" });
    const [cookie = ""] = added.headers.getSetCookie();
    await before.end("SIGTERM");

    const after = new ShopProcess(env);
    await after.hasPrinted(1);
    const page = await fetch(`${address}/cart`, { headers: { cookie: cookie.split(";")[0] ?? "" } });
    expect(await page.text()).toContain("Enamel mug");
  });

  test("an unreachable Redis is reported, and the shop still opens", async () => {
    const shop = new ShopProcess({
      PORT: "0",
      SECRET_KEY: "x".repeat(32),
      REDIS_URL: `redis://localhost:${await freePort()}`,
    });
    const lines = await shop.hasPrinted(2);
    expect(lines[0]).toContain("sessions in Redis at redis://localhost:");
    expect(lines[1]).toContain("The shop is open, but its sessions are not: ");
    expect((await shop.end("SIGINT")).exitCode).toBe(0);
  });
});
