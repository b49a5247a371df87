// The statements of docs/reference/runtimes.md on CommonJS, TypeScript and test runners: a `describe` for
// each section.
import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installInto, testedVersions } from "../../scripts/lib/application.mjs";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { redisTest } from "../support/fixtures/redis.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { installTested, makeConsumer, packTarball } from "./consumer.ts";

/** The oldest one that reads the declarations, and the newest of before 6. */
const TYPESCRIPT_5 = { "TypeScript 5.2": "5.2.2", "TypeScript 5.9": "5.9.3" };
const JEST = "jest@30.5.2";

/** Uses what an application uses, with as strict settings as there are. */
const APPLICATION = `
import { createSojourn, type Sessions } from "sojourn";
import { nodeSessions } from "sojourn/adapters/node";
import { memorySessionStore } from "sojourn/stores/memory";
import { redisBucketSessionStore, redisSessionStore } from "sojourn/stores/redis";

interface Data {
  cart?: string[];
}

const url: string | undefined = process.env["REDIS_URL"];
const { sessions } = createSojourn<Data>({
  projectName: "consumer",
  secretKey: "a secret that is only for this test",
  ...(url === undefined ? {} : { redis: { default: url } }),
  sessions: { store: url === undefined ? memorySessionStore() : redisSessionStore() },
});

export const typed: Sessions<Data> = sessions;
export const other = redisBucketSessionStore;
export const listener = nodeSessions(sessions, async (request, response) => {
  const { data } = await sessions.from(request);
  data.cart = [...(data.cart ?? []), "tea"];
  response.end(String(data.cart.length));
});
`;

const COMMONJS = `
const { createSojourn } = require("sojourn");
const { memorySessionStore } = require("sojourn/stores/memory");

const { sessions } = createSojourn({
  projectName: "consumer",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

async function main() {
  const { cookieHeader } = await sessions.create({ n: 1 });
  console.log((await sessions.open(cookieHeader)).data.n);
}
void main();
`;

let folder: string;
let application: string;

beforeAll(async () => {
  folder = makeTemporaryFolder();
  application = join(folder, "application");
  await makeConsumer(application, await packTarball(folder));
  await installTested(application, ["@types/node", "@redis/client"]);
});

afterAll(() => deleteFolder(folder));

describe("CommonJS", () => {
  test("require() works without a flag, and without a warning", async () => {
    await writeFiles(application, { "main.cjs": COMMONJS });
    const finished = await run(process.execPath, ["main.cjs"], { cwd: application });
    expect(finished).toEqual({ status: 0, output: "1\n" });
  });
});

describe("TypeScript", () => {
  const compile = async (file: string, tsc: readonly string[], compilerOptions: object): Promise<string> => {
    const strict = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
      skipLibCheck: false,
      noEmit: true,
      target: "es2022",
      lib: ["es2023"],
      types: ["node"],
    };
    const config = `tsconfig.${file}.json`;
    const options = { compilerOptions: { ...strict, ...compilerOptions }, files: [file] };
    await writeFiles(application, { [config]: JSON.stringify(options) });
    return (await run(process.execPath, [...tsc, "--project", config], { cwd: application })).output;
  };

  const SETTINGS = {
    nodenext: { module: "nodenext", moduleResolution: "nodenext" },
    node16: { module: "node16", moduleResolution: "node16" },
    bundler: { module: "esnext", moduleResolution: "bundler" },
  };
  const NEWEST = [inProject("node_modules", "@typescript", "native", "bin", "tsc")];
  const aliasOf = (version: string): string => `typescript-${version}`;

  beforeAll(async () => {
    await writeFiles(application, { "strict.ts": APPLICATION, "strict.cts": APPLICATION });
    const aliases = Object.values(TYPESCRIPT_5).map(
      (version) => `${aliasOf(version)}@npm:typescript@${version}`,
    );
    await installInto(application, aliases);
  });

  test.each(Object.entries(SETTINGS))(
    "moduleResolution %s works with exactOptionalPropertyTypes and without skipLibCheck",
    async (_name, settings) => {
      expect(await compile("strict.ts", NEWEST, settings)).toBe("");
    },
  );

  test.each(Object.entries(TYPESCRIPT_5))("%s reads the declarations", async (_name, version) => {
    const tsc = [join(application, "node_modules", aliasOf(version), "bin", "tsc")];
    expect(await compile("strict.ts", tsc, SETTINGS.nodenext)).toBe("");
  });

  test("a CommonJS file may import it with module nodenext, and not with node16", async () => {
    expect(await compile("strict.cts", NEWEST, SETTINGS.nodenext)).toBe("");
    expect(await compile("strict.cts", NEWEST, SETTINGS.node16)).toContain("TS1479");
  });
});

/** Names that the tests of fake-timers.mjs take from a test runner. */
const RUNNERS = {
  Vitest: `
import { afterEach, expect, test, vi } from "vitest";
export { afterEach, expect, test, vi as fake };
export const fakeAll = () => vi.useFakeTimers();
export const fakeDate = () => vi.useFakeTimers({ toFake: ["Date"] });
`,
  Jest: `
import { afterEach, expect, jest, test } from "@jest/globals";
export { afterEach, expect, test, jest as fake };
export const fakeAll = () => jest.useFakeTimers();
export const fakeDate = () => {
  const timers = ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate"];
  jest.useFakeTimers({ doNotFake: [...timers, "nextTick", "queueMicrotask", "performance", "hrtime"] });
};
`,
};

describeWithRedis("Jest and Vitest, with fake timers", () => {
  const TITLES = [
    "memory, all faked: sessions work, and expire with the faked date",
    "Redis, the date alone faked: sessions work, and deadlines are real",
    "Redis, all faked: a command waits until the timers are advanced",
  ];

  const runnerTest = redisTest.extend(
    "runTests",
    ({ server }) =>
      async (runner: keyof typeof RUNNERS, args: readonly string[]): Promise<string> => {
        await writeFiles(application, { "runner.mjs": RUNNERS[runner] });
        const env = { REDIS_URL: server.url, NO_COLOR: "1", NODE_ENV: "test" };
        return (await run(process.execPath, args, { cwd: application, env })).output;
      },
  );

  beforeAll(async () => {
    await installInto(application, [JEST, ...testedVersions(["vitest"])]);
    cpSync(inProject("test", "package", "fake-timers.mjs"), join(application, "fake-timers.test.mjs"));
  }, 3 * 60_000);

  runnerTest("Vitest, as it comes", async ({ runTests }) => {
    const vitest = join(application, "node_modules", "vitest", "vitest.mjs");
    const output = await runTests("Vitest", [vitest, "run", "--root", application, "--reporter=verbose"]);
    for (const title of TITLES) expect(output).toMatch(new RegExp(`✓.* ${title}`));
  });

  runnerTest("Jest, with --experimental-vm-modules", async ({ runTests }) => {
    const jest = join(application, "node_modules", "jest", "bin", "jest.js");
    const args = ["--testMatch", "**/fake-timers.test.mjs", "--verbose", "--transform", "{}"];
    const output = await runTests("Jest", ["--experimental-vm-modules", jest, ...args]);
    for (const title of TITLES) expect(output).toMatch(new RegExp(`✓ ${title}`));
  });
});
