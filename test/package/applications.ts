import { existsSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { isSoak } from "../support/scale.ts";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { installInto, testedVersions } from "../../scripts/lib/application.mjs";
import { makeConsumer, packTarball, runScript } from "./consumer.ts";

/** An application that is put into an empty folder. */
export interface PackedApplication {
  /** Packages of an application, their types included. */
  readonly packages: readonly string[];
  /** More packages, with versions: those that the project itself does not have, being too heavy. */
  readonly versions?: readonly string[];
  /** Others of {@link PackedApplications.foreign} that come with these. */
  readonly standsOn?: readonly string[];
  readonly compilerOptions?: object;
  /** Set where the application runs in a server of its framework alone: `test/examples` has that. */
  readonly isBuilt?: boolean;
}

/** Applications of one kind. */
export interface PackedApplications {
  /** Folder beside this file that has them: `<name>.ts`, and what they share. */
  readonly folder: string;
  readonly shared?: readonly string[];
  readonly applications: Readonly<Record<string, PackedApplication>>;
  /** Names of those that the gate tries; a soak tries all. */
  readonly tried: readonly string[];
  /** Packages none of which may come with Sojourn. */
  readonly foreign: readonly string[];
  /** Output of each of them. */
  readonly prints: string;
}

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

/** Describes that each application type-checks and runs, with its packages and no others. */
export function describeApplications(what: string, kind: PackedApplications): void {
  const tried = Object.entries(kind.applications).filter(([name]) => isSoak || kind.tried.includes(name));

  describe(`the packed tarball, with ${what} in an empty application`, () => {
    let folder: string;
    let tarball: string;

    beforeAll(async () => {
      folder = makeTemporaryFolder();
      tarball = await packTarball(folder);
    });

    afterAll(() => deleteFolder(folder));

    describe.for(tried)("%s", ([name, { packages, versions = [], standsOn = [], ...own }]) => {
      let application: string;

      beforeAll(async () => {
        application = join(folder, name);
        await mkdir(application);
        await makeConsumer(application, tarball);
        await installInto(application, [...testedVersions(["@types/node", ...packages]), ...versions]);
        for (const file of [`${name}.ts`, ...(kind.shared ?? [])]) {
          await copyFile(inProject("test", "package", kind.folder, file), join(application, file));
        }
      });

      test("pulls in nothing else", () => {
        const expected = new Set([...packages, ...standsOn]);
        const others = kind.foreign.filter((each) => !expected.has(each));
        expect(others.filter((each) => existsSync(join(application, "node_modules", each)))).toEqual([]);
      });

      test.for(COMBINATIONS)("type-checks with %s, moduleResolution %s", async ([compiler, resolution]) => {
        const options = {
          compilerOptions: { ...compilerOptions, ...own.compilerOptions, ...RESOLUTIONS[resolution] },
          files: [`${name}.ts`],
        };
        await writeFiles(application, { "tsconfig.json": JSON.stringify(options) });
        const tsc = inProject("node_modules", ...COMPILERS[compiler]);
        expect(await run(process.execPath, [tsc], { cwd: application })).toEqual({ status: 0, output: "" });
      });

      test.skipIf(own.isBuilt)("runs", async () => {
        expect(await runScript(application, join("built", `${name}.js`))).toBe(kind.prints);
      });
    });
  });
}
