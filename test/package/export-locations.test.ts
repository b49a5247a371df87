import { describe, expect, test } from "vitest";
import { root } from "../../scripts/lib/project.mjs";
import { temporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { findGaps } from "./export-locations.ts";

const target = (path: string) => ({
  "@sojourn/source": `./src/${path}index.ts`,
  types: `./dist/${path}index.d.ts`,
  default: `./dist/${path}index.js`,
});

/** A package with one store that has all its places, with some files changed or (`null`) left out. */
async function smallPackage(changes: Record<string, string | null> = {}): Promise<string> {
  const exports = { ".": target(""), "./stores/red-fox": target("stores/red-fox/") };
  const files: Record<string, string | null> = {
    "package.json": JSON.stringify({ name: "small", type: "module", exports }),
    "src/index.ts": "export {};\n",
    "src/stores/red-fox/index.ts": "export function redFoxSessionStore() {}\n",
    "docs/reference/stores/red-fox.md": "# red-fox\n",
    ...changes,
  };
  const kept = Object.entries(files).filter((file): file is [string, string] => file[1] !== null);
  const folder = temporaryFolder();
  await writeFiles(folder, Object.fromEntries(kept));
  return folder;
}

test("every export leads to a source file, and every store and adapter has its four places", async () => {
  expect(await findGaps(root)).toEqual([]);
});

describe("the check can fail", () => {
  test("nothing is found in a package that is complete", async () => {
    expect(await findGaps(await smallPackage())).toEqual([]);
  });

  test.for([
    [
      "a missing page",
      { "docs/reference/stores/red-fox.md": null },
      ["docs/reference/stores/red-fox.md does not exist"],
    ],
    [
      "a factory of another name",
      { "src/stores/red-fox/index.ts": "export function foxStore() {}\n" },
      ["src/stores/red-fox/index.ts does not export the function redFoxSessionStore"],
    ],
    [
      "a page without a folder",
      { "docs/reference/adapters/owl.md": "# owl\n" },
      ["package.json has no export ./adapters/owl", "src/adapters/owl/index.ts does not exist"],
    ],
    [
      "a folder without export and page",
      { "src/adapters/owl/index.ts": "export function owlSessions() {}\n" },
      ["package.json has no export ./adapters/owl", "docs/reference/adapters/owl.md does not exist"],
    ],
    [
      "an export that leads nowhere",
      { "src/index.ts": null },
      ['exports["."] leads to ./src/index.ts, which does not exist'],
    ],
  ] as const)("%s", async ([, changes, gaps]) => {
    expect(await findGaps(await smallPackage(changes))).toEqual(gaps);
  });

  test("an export whose conditions differ from the rule", async () => {
    const exports = { ".": { ...target(""), default: "./dist/main.js" } };
    const folder = temporaryFolder();
    await writeFiles(folder, { "package.json": JSON.stringify({ exports }), "src/index.ts": "export {};\n" });
    expect(await findGaps(folder)).toEqual([expect.stringContaining('exports["."] is {"@sojourn/source"')]);
  });
});
