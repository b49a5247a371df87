import { existsSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { isSoak } from "../support/scale.ts";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { installTested, makeConsumer, packTarball, runScript } from "./consumer.ts";

interface Framework {
  /** Packages of an application, its types included. */
  readonly packages: readonly string[];
  /** Other frameworks that it stands on. */
  readonly standsOn?: readonly string[];
  readonly compilerOptions?: object;
  /** Set where the application runs in a server of the framework alone: `test/examples` has that. */
  readonly isBuilt?: boolean;
}

/** Types of these frameworks name the browser's, and do not all check. */
const WITH_BROWSER = { lib: ["es2023", "dom", "dom.iterable"], skipLibCheck: true };

/** By the names of their adapters, each with an application in `frameworks/`. */
const FRAMEWORKS: Readonly<Record<string, Framework>> = {
  node: { packages: [] },
  express: { packages: ["express", "@types/express"] },
  fastify: { packages: ["fastify"] },
  koa: { packages: ["koa", "@types/koa"] },
  fetch: { packages: [] },
  hono: { packages: ["hono"] },
  h3: { packages: ["h3"], compilerOptions: WITH_BROWSER },
  next: {
    packages: ["next", "react", "react-dom", "@types/react"],
    compilerOptions: WITH_BROWSER,
    isBuilt: true,
  },
  sveltekit: {
    packages: ["@sveltejs/kit", "@sveltejs/vite-plugin-svelte", "svelte", "vite"],
    compilerOptions: WITH_BROWSER,
  },
  "react-router": { packages: ["react-router", "react", "@types/react"], compilerOptions: WITH_BROWSER },
  nest: {
    packages: ["@nestjs/common", "@nestjs/core", "@nestjs/platform-express", "reflect-metadata", "rxjs"],
    standsOn: ["express"],
    compilerOptions: { experimentalDecorators: true },
  },
};

/** The gate has one of Node's, one of the web's, and one that stands on another. */
const TRIED = Object.entries(FRAMEWORKS).filter(
  ([name]) => isSoak || ["express", "hono", "nest"].includes(name),
);

const PACKAGES_OF_FRAMEWORKS = [
  "@nestjs/core",
  "@sveltejs/kit",
  "express",
  "fastify",
  "h3",
  "hono",
  "koa",
  "next",
  "react-router",
];

const COMPILERS = {
  "TypeScript 7": ["@typescript", "native", "bin", "tsc"],
  "TypeScript 5.9": ["typescript5", "bin", "tsc"],
};
const RESOLUTIONS = {
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
};
const ALL = Object.keys(COMPILERS).flatMap((compiler) =>
  Object.keys(RESOLUTIONS).map((resolution) => [compiler, resolution] as const),
) as [keyof typeof COMPILERS, keyof typeof RESOLUTIONS][];
// TypeScript 5.9 takes five times as long.
const COMBINATIONS = isSoak ? ALL : ALL.filter(([compiler]) => compiler === "TypeScript 7");

const compilerOptions = {
  target: "es2023",
  lib: ["es2023"],
  types: ["node"],
  strict: true,
  outDir: "built",
};

describe("the packed tarball, with one framework in an empty application", () => {
  let folder: string;
  let tarball: string;

  beforeAll(async () => {
    folder = makeTemporaryFolder();
    tarball = await packTarball(folder);
  });

  afterAll(() => deleteFolder(folder));

  describe.for(TRIED)("%s", ([name, framework]) => {
    let application: string;

    beforeAll(async () => {
      application = join(folder, name);
      await mkdir(application);
      await makeConsumer(application, tarball);
      await installTested(application, ["@types/node", ...framework.packages]);
      for (const file of [`${name}.ts`, "check.ts"]) {
        await copyFile(inProject("test", "package", "frameworks", file), join(application, file));
      }
    });

    test("pulls in no other framework", () => {
      const { packages, standsOn = [] } = framework;
      const own = new Set([...packages, ...standsOn]);
      const others = PACKAGES_OF_FRAMEWORKS.filter((each) => !own.has(each));
      expect(others.filter((each) => existsSync(join(application, "node_modules", each)))).toEqual([]);
    });

    test.for(COMBINATIONS)("type-checks with %s, moduleResolution %s", async ([compiler, resolution]) => {
      const options = {
        compilerOptions: { ...compilerOptions, ...framework.compilerOptions, ...RESOLUTIONS[resolution] },
        files: [`${name}.ts`],
      };
      await writeFiles(application, { "tsconfig.json": JSON.stringify(options) });
      const tsc = inProject("node_modules", ...COMPILERS[compiler]);
      expect(await run(process.execPath, [tsc], { cwd: application })).toEqual({ status: 0, output: "" });
    });

    test.skipIf(framework.isBuilt)("runs", async () => {
      expect(await runScript(application, join("built", `${name}.js`))).toBe("views: 1, views: 2\n");
    });
  });
});
