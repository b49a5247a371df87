import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defaultExclude, defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { isSoak } from "./test/support/scale.ts";

const SOURCE = "@sojourn/source";
const MINUTE = 60_000;
/** The promises over HTTP, with a Redis at most. Those that hold on every engine are in `engines` as well: see `TRIED`. */
const PROMISES = ["test/integration/adapters/**/*.test.ts", "test/integration/sessions/cookies.test.ts"];
/** The suite of adapters on frameworks beyond Express, Fastify, Koa and node:http. */
const FRAMEWORKS = ["test/integration/adapters/{fetch,h3,hono,nest,nitro,react-router,sveltekit}*.test.ts"];
const PROMISES_OF_ENGINES = ["test/integration/sessions/{promises,durability}.test.ts"];
const ENGINES = ["test/integration/{stores,sessions}/**/*.test.ts"];

/** Files whose applications take a minute or more to install and build. */
const SOAK_ALONE = [
  "test/examples/next/{cached-replicas,shared-pages}.test.ts",
  "test/faults/given-ioredis-cluster-tracking.test.ts",
  "test/package/{nitro,react-router-8,sveltekit-3}.test.ts",
];

/** Files whose framework asks for a newer Node than this. */
const TOO_NEW = Number.parseInt(process.versions.node, 10) < 22 ? ["test/package/sveltekit-3.test.ts"] : [];

interface Manifest {
  name: string;
  exports: Record<string, string | Record<string, string>>;
}

/** Public specifiers -> source files, from the exports map: Vite does not resolve a package's references to itself. */
function publicSpecifiers(): { find: RegExp; replacement: string }[] {
  const manifest = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as Manifest;
  return Object.entries(manifest.exports).flatMap(([subpath, target]) => {
    const source = typeof target === "string" ? undefined : target[SOURCE];
    if (source === undefined) return [];
    const find = new RegExp(`^${manifest.name}${subpath.slice(1)}$`);
    return [{ find, replacement: fileURLToPath(new URL(source, import.meta.url)) }];
  });
}

/** Next is installed for its example alone. */
const next = {
  find: /^next\//,
  replacement: fileURLToPath(new URL("examples/next/node_modules/next/", import.meta.url)),
};

interface Options {
  /** In milliseconds, for the gate; a soak has thirty times as long. */
  timeout: number;
  /** Files that are left out, since another project has them. */
  exclude?: string[];
  /** Environment variables. */
  env?: Record<string, string>;
  /** Set for tests that wait more than they work: two files at a time, after all that work and before those that are alone. */
  patient?: boolean;
  /**
   * Set for tests that measure promised deadlines: they run after all others. Those that load the machine as well
   * are `"alone"`, one file at a time; of the others there are two.
   */
  timed?: "alone" | "light";
}

function project(name: string, include: string[], options: Options): TestProjectInlineConfiguration {
  const timeout = isSoak ? options.timeout * 30 : options.timeout;
  return {
    resolve: { alias: [...publicSpecifiers(), next] },
    test: {
      name,
      include,
      exclude: [...defaultExclude, ...TOO_NEW, ...(isSoak ? [] : SOAK_ALONE), ...(options.exclude ?? [])],
      environment: "node",
      env: options.env ?? {},
      setupFiles: process.env["SOJOURN_RUNTIME_NOTES"] === undefined ? [] : ["./test/matrix/note-runtime.ts"],
      execArgv: ["--conditions", SOURCE],
      testTimeout: timeout,
      hookTimeout: Math.max(timeout, MINUTE),
      sequence: { groupOrder: options.timed === "alone" ? 3 : options.timed ? 2 : options.patient ? 1 : 0 },
      // Tests of servers wait for them more than they compute.
      maxWorkers: options.timed === "alone" ? 1 : options.timed === "light" ? 3 : 2,
      // Contracts, whose tests wait for something to expire, run concurrently.
      maxConcurrency: 20,
      // CI's machines are shared: what is timed, or waits for a browser, gets a second try there. Twice is a failure.
      retry: (options.timed || options.patient) && process.env["CI"] === "true" && !isSoak ? 1 : 0,
    },
  };
}

const types: TestProjectInlineConfiguration = {
  test: {
    name: "types",
    include: [],
    typecheck: {
      enabled: true,
      only: true,
      checker: "tsc",
      tsconfig: "./tsconfig.json",
      include: ["src/**/*.test-d.ts", "test/**/*.test-d.ts"],
      // `npm run types` reports what is wrong elsewhere.
      ignoreSourceErrors: true,
    },
  },
};

export default defineConfig({
  test: {
    projects: [
      project("unit", ["src/**/*.test.ts", "test/mutants/*.test.ts"], { timeout: 10_000 }),
      types,
      project("docs", ["test/docs/**/*.test.ts"], { timeout: MINUTE }),
      project("package", ["test/package/**/*.test.ts"], { timeout: 3 * MINUTE }),
      project("interop", ["test/interop/**/*.test.ts"], { timeout: 2 * MINUTE }),
      project("promises", [...PROMISES, ...PROMISES_OF_ENGINES], {
        timeout: 30_000,
        exclude: FRAMEWORKS,
        env: { SOJOURN_ENGINES: "near" },
        patient: true,
      }),
      project("frameworks", FRAMEWORKS, { timeout: 30_000, patient: true }),
      project("engines", ENGINES, {
        timeout: 30_000,
        exclude: PROMISES,
        env: { SOJOURN_ENGINES: "far" },
        patient: true,
      }),
      project("integration", ["test/integration/**/*.test.ts"], {
        timeout: 30_000,
        exclude: [...PROMISES, ...ENGINES],
        timed: "light",
      }),
      project("faults", ["test/faults/**/*.test.ts"], { timeout: MINUTE, timed: "alone" }),
      project("browser", ["test/browser/**/*.test.ts"], { timeout: MINUTE, patient: true }),
      project("examples", ["examples/**/*.test.ts", "test/examples/**/*.test.ts"], {
        timeout: MINUTE,
        patient: true,
      }),
    ],
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/**/*.test.ts", "src/**/*.test-d.ts"],
    },
  },
});
