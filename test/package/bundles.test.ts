import { join } from "node:path";
import { build as bundleWithEsbuild } from "esbuild";
import { afterAll, beforeAll, expect } from "vitest";
import { build as bundleWithVite } from "vite";

import { redisTest as test } from "../support/fixtures/redis.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { installTested, makeConsumer, packTarball, runScript } from "./consumer.ts";

/**
 * Every kind of script that runs on Redis: sessions, their list, tombstones, cache, leases, locks and
 * counters.
 */
const PROGRAM = `
import { createLimiter, createSojourn } from "sojourn";
import { redisSessionStore } from "sojourn/stores/redis";

const { sessions, caches, close } = createSojourn({
  projectName: "bundled",
  secretKey: "a secret that is only for this test",
  redis: { default: process.argv[2] },
  sessions: { store: redisSessionStore() },
  caches: { default: { deadline: "20s" } },
});

async function main() {
  const cache = caches.default;
  const session = await sessions.create({ cart: ["apple"] });
  const cookie = session.cookieHeader;
  const opened = await sessions.open(cookie);
  await opened.login("7");
  opened.data.cart.push("pear");
  await opened.save();
  let listed = 0;
  for await (const each of sessions.ofUser("7")) listed += each === undefined ? 0 : 1;
  const limiter = createLimiter(cache, { limit: 1, window: "1m", prefix: "limit:" });
  const limits = [await limiter.consume("visitor"), await limiter.consume("visitor")];
  await cache.set("count", 1);
  console.log(JSON.stringify({
    cart: opened.data.cart,
    listed,
    loaded: await cache.getOrSet("greeting", () => "hello", { tags: ["words"] }),
    count: await cache.incr("count"),
    locked: await cache.lock("job", { timeout: 5 }).run(() => "ran"),
    allowed: limits.map((each) => each.isAllowed),
  }));
  await close();
}
main().catch((error) => { console.error(error); process.exitCode = 1; });
`;

const PRINTED = {
  cart: ["apple", "pear"],
  listed: 1,
  loaded: "hello",
  count: 2,
  locked: "ran",
  allowed: [true, false],
};

/** A program that uses no optional package, so none has to be there when it is bundled. */
const WITHOUT_PACKAGES = `
import { createSojourn } from "sojourn";
import * as stores from "sojourn/stores/redis";
import * as files from "sojourn/stores/file";
import * as tables from "sojourn/stores/sql";
import { memorySessionStore } from "sojourn/stores/memory";

async function main() {
  const { sessions, close } = createSojourn({
    projectName: "bundled",
    secretKey: "a secret that is only for this test",
    sessions: { store: memorySessionStore() },
  });
  await (await sessions.create({ a: 1 })).save();
  const other = createSojourn({
    projectName: "bundled",
    secretKey: "a secret that is only for this test",
    sessions: { store: stores.redisSessionStore() },
  });
  const error = await other.sessions.create({ a: 1 }).then((session) => session.save()).catch((error) => error);
  console.log([error.message, typeof files.fileSessionStore, typeof tables.sqlSessionStore].join(" | "));
  await other.close();
  await close();
}
main().catch((error) => { console.error(error); process.exitCode = 1; });
`;

const NOT_INSTALLED =
  "redis.default: the Redis client is not installed. Install it with: npm install @redis/client | function | function";

type Bundle = (entry: string, outfile: string) => Promise<void>;

function esbuild(format: "esm" | "cjs", external: string[] = []): Bundle {
  return async (entry, outfile) => {
    const options = {
      bundle: true,
      platform: "node",
      format,
      external,
      minify: true,
      logLevel: "silent",
    } as const;
    await bundleWithEsbuild({ entryPoints: [entry], outfile, ...options });
  };
}

/** A server of Vite, with all packages in the bundle; Vite bundles with Rolldown. */
function vite(format: "es" | "cjs"): Bundle {
  return async (entry, outfile) => {
    const folder = join(entry, "..");
    await bundleWithVite({
      root: folder,
      configFile: false,
      logLevel: "silent",
      ssr: { noExternal: true },
      build: {
        ssr: entry,
        outDir: join(outfile, ".."),
        emptyOutDir: false,
        rolldownOptions: {
          output: { format, entryFileNames: outfile.slice(folder.length + 1), codeSplitting: false },
        },
      },
    });
  };
}

// Packages of CommonJS ask for Node's own with require(), which esbuild leaves out of its ES modules; so that
// library stays outside there.
const BUNDLES: readonly (readonly [string, string, Bundle])[] = [
  ["esbuild as an ES module", "esbuild.mjs", esbuild("esm", ["@redis/client"])],
  ["esbuild as CommonJS", "esbuild.cjs", esbuild("cjs")],
  ["Vite for a server (SSR)", "vite.mjs", vite("es")],
  ["Vite as CommonJS", "vite.cjs", vite("cjs")],
];

describeWithRedis("a program that is bundled", () => {
  let folder: string;

  beforeAll(async () => {
    folder = makeTemporaryFolder();
    const tarball = await packTarball(folder);
    await makeConsumer(join(folder, "with"), tarball);
    await installTested(join(folder, "with"), ["@redis/client"]);
    await makeConsumer(join(folder, "without"), tarball);
    await writeFiles(folder, { "with/program.mjs": PROGRAM, "without/program.mjs": WITHOUT_PACKAGES });
  });

  afterAll(async () => {
    deleteFolder(folder);
  });

  test.for(BUNDLES)("by %s runs its scripts on Redis", async ([, file, bundle], { server }) => {
    const application = join(folder, "with");
    await bundle(join(application, "program.mjs"), join(application, file));
    await server.command("FLUSHALL");
    expect(JSON.parse(await runScript(application, file, [server.url]))).toEqual(PRINTED);
  });

  test.for(BUNDLES)("by %s needs no optional package that it does not use", async ([, file, bundle]) => {
    const application = join(folder, "without");
    await bundle(join(application, "program.mjs"), join(application, file));
    expect((await runScript(application, file)).trim()).toBe(NOT_INSTALLED);
  });
});
