import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { root } from "../../scripts/lib/project.mjs";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";

const NOT_IN_A_CLONE = new Set([
  "node_modules",
  "dist",
  "coverage",
  ".cache",
  ".git",
  "tmp-examples",
  ".next",
]);

/** The environment of somebody who has just cloned: nothing of the npm or the test runner that runs this test. */
function freshEnvironment(more: Record<string, string>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|vitest|sojourn_|node_env|node_options|ci$)/i.test(name),
  );
  return { ...Object.fromEntries(own), npm_config_prefer_offline: "true", ...more };
}

/** Runs npm in the clone from elsewhere, with standard input closed, in a process group of its own. */
function npmIn(clone: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn("npm", ["--prefix", clone, ...args], {
    cwd: "/",
    env: freshEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
}

async function outputOf(child: ChildProcess): Promise<{ status: number | null; lines: string[] }> {
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, lines: Buffer.concat(chunks).toString().trimEnd().split("\n") };
}

/** The first line of standard output that npm itself has not printed. */
async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("The process has no standard output.");
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== "" && !line.startsWith("> ")) return line;
  }
  throw new Error("The process ended without a line.");
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port);
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return address.port;
}

describe("on a fresh clone, in a folder with spaces, called from elsewhere", () => {
  let folder: string;
  let clone: string;

  beforeAll(() => {
    folder = makeTemporaryFolder();
    clone = join(folder, "a fresh clone");
    cpSync(root, clone, { recursive: true, filter: (source) => !NOT_IN_A_CLONE.has(basename(source)) });
  });

  afterAll(() => deleteFolder(folder));

  test("npm test installs the packages, runs the tests and closes with their count", async () => {
    expect(existsSync(join(clone, "node_modules"))).toBe(false);
    const { status, lines } = await outputOf(npmIn(clone, ["test", "--", "--project=unit", "src/core"]));
    expect(lines.at(-1)).toMatch(/^[1-9]\d* passed, 0 failed, 0 skipped$/);
    expect(status).toBe(0);
  });

  test("the counts of several runs are added in the file that --tally names, also of one without a report", async () => {
    const tally = join(folder, "tally");
    const runs = [["src/core/durations"], ["src/core/settings"], ["--no-such-option"]];
    const passed: number[] = [];
    for (const args of runs) {
      const { lines } = await outputOf(
        npmIn(clone, ["test", "--", "--project=unit", `--tally=${tally}`, ...args]),
      );
      passed.push(Number.parseInt(lines.at(-1) ?? "", 10));
    }
    const [first = 0, second = 0, third] = passed;
    expect(third).toBe(0);
    expect(readFileSync(tally, "utf8")).toBe(`${first + second} passed, 1 failed, 0 skipped\n`);
  });

  describe("npm test fails, and says how often,", () => {
    const plant = async (code: string): Promise<void> => {
      await writeFiles(clone, { "src/planted.test.ts": `import { test } from "vitest";\n${code}\n` });
    };
    const testPlanted = (env: Record<string, string> = {}): ReturnType<typeof outputOf> =>
      outputOf(npmIn(clone, ["test", "--", "--project=unit", "src/planted"], env));

    test.for([
      [
        "when a test fails",
        'test("a", () => {});\ntest("b", () => { throw new Error("b"); });',
        "1 passed, 1 failed, 0 skipped",
      ],
      ["when a file cannot be loaded", 'throw new Error("not loaded");', "0 passed, 1 failed, 0 skipped"],
      [
        "when an error strays",
        'test("a", () => { void Promise.reject(new Error("stray")); });',
        "1 passed, 1 failed, 0 skipped",
      ],
      ["when no test was executed", 'test.skip("a", () => {});', "0 passed, 0 failed, 1 skipped"],
    ] as const)("%s", async ([, code, count]) => {
      await plant(code);
      const { status, lines } = await testPlanted();
      expect(lines.at(-1)).toBe(count);
      expect(status).toBe(1);
    });

    test("when a test was skipped under CI=true; elsewhere it names the test and the reason", async () => {
      await plant('test("a", () => {});\ntest("b", (context) => context.skip("no such server"));');
      const elsewhere = await testPlanted();
      expect(elsewhere.lines).toContain("skipped: src/planted.test.ts > b (no such server)");
      expect(elsewhere.lines.at(-1)).toBe("1 passed, 0 failed, 1 skipped");
      expect(elsewhere.status).toBe(0);
      expect((await testPlanted({ CI: "true" })).status).toBe(1);
    });
  });

  // A terminal sends Ctrl-C to all processes in the foreground; a supervisor sends SIGTERM to the one that it
  // has started.
  const ways: readonly (readonly [string, (child: ChildProcess) => boolean])[] = [
    ["SIGTERM", (child) => child.kill("SIGTERM")],
    ["Ctrl-C", (child) => process.kill(-(child.pid ?? 0), "SIGINT")],
  ];

  test.for(ways)(
    "npm start prints the shop's address first, serves it, and stops on %s",
    async ([, stop]) => {
      const port = await freePort();
      const child = npmIn(clone, ["start"], { PORT: String(port) });
      const exited = once(child, "exit");
      try {
        expect(await firstLine(child)).toContain(`:${port}`);
        const response = await fetch(`http://localhost:${port}/`);
        expect(response.status).toBe(200);
        stop(child);
        await exited;
        // npm may end a moment before the shop does: its shell dies of the signal.
        await vi.waitUntil(() => isFree(port), { timeout: 2000 });
      } finally {
        if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), "SIGKILL");
      }
    },
  );
});
