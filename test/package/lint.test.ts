import { cpSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";

/** A file with one fault, and the rule that has to find it. */
type Planted = readonly [path: string, rule: string, code: string];

const importsFrom = (specifier: string): string => `export { thing } from "${specifier}";\n`;

const ASYNC = "async function act(): Promise<void> {}\n";

const PLANTED: readonly Planted[] = [
  ["src/stores/redis/client.ts", "no-restricted-imports", importsFrom("@redis/client")],
  ["src/client.ts", "no-restricted-imports", importsFrom("ioredis")],
  [
    "src/core/cycle-a.ts",
    "no-cycle",
    'import { b } from "./cycle-b.ts";\nexport const a = (): unknown => b;\n',
  ],
  [
    "src/core/cycle-b.ts",
    "no-cycle",
    'import { a } from "./cycle-a.ts";\nexport const b = (): unknown => a;\n',
  ],
  ["src/core/floating.ts", "no-floating-promises", `${ASYNC}export function go(): void {\n  act();\n}\n`],
  [
    "src/core/condition.ts",
    "no-misused-promises",
    `${ASYNC}export const is = (): number => (act() ? 1 : 2);\n`,
  ],
  [
    "src/core/callback.ts",
    "no-misused-promises",
    `${ASYNC}export const t = (): unknown => setTimeout(act, 1);\n`,
  ],
  [
    "src/core/thenable.ts",
    "await-thenable",
    "export async function go(): Promise<number> {\n  return await 1;\n}\n",
  ],
  [
    "src/core/unawaited.ts",
    "return-await",
    `${ASYNC}export async function go(): Promise<void> {\n  try {\n    return act();\n  } catch {\n    return;\n  }\n}\n`,
  ],
  ["src/core/thrown.ts", "only-throw-error", 'export function go(): void {\n  throw "text";\n}\n'],
  [
    "src/core/switched.ts",
    "switch-exhaustiveness-check",
    'export function go(of: "a" | "b"): void {\n  switch (of) {\n    case "a":\n      return;\n  }\n}\n',
  ],
  ["src/core/any.ts", "no-explicit-any", "export const go = (value: any): void => void value;\n"],
  [
    "src/core/focused.test.ts",
    "no-focused-tests",
    'import { test } from "vitest";\ntest.only("a", () => {});\n',
  ],
];

/** Allowed code, so that a rule which forbids too much is found as well. */
const ALLOWED: Readonly<Record<string, string>> = {
  "src/core/good.ts": "export const thing = 1;\n",
  "src/redis/good.ts": `export { createClient } from "@redis/client";\n${importsFrom("../core/good.ts")}`,
  "src/stores/redis/good.ts": importsFrom("../../redis/good.ts"),
  "src/stores/redis/good.test.ts": 'export { createClient } from "@redis/client";\n',
  "src/index.ts": importsFrom("./redis/good.ts"),
};

interface Report {
  readonly diagnostics: readonly { readonly filename: string; readonly code: string }[];
}

describe("the linter", () => {
  let folder: string;
  let report: Report;

  beforeAll(async () => {
    folder = makeTemporaryFolder();
    for (const file of [".oxlintrc.json", "tsconfig.json"]) cpSync(inProject(file), join(folder, file));
    symlinkSync(inProject("node_modules"), join(folder, "node_modules"));
    const planted = PLANTED.map(([path, , code]) => [path, code] as const);
    await writeFiles(folder, { ".gitignore": "node_modules\n", ...ALLOWED, ...Object.fromEntries(planted) });
    const oxlint = inProject("node_modules", "oxlint", "bin", "oxlint");
    const { output } = await run(process.execPath, [oxlint, "--format=json"], { cwd: folder });
    report = JSON.parse(output) as Report;
  });

  afterAll(() => deleteFolder(folder));

  const rulesIn = (path: string): string[] =>
    report.diagnostics
      .filter(({ filename }) => filename === path)
      .map(({ code }) => /\((.+)\)/.exec(code)?.[1] ?? code);

  test.for(PLANTED)("finds %s with %s", ([path, rule]) => {
    expect(rulesIn(path)).toContain(rule);
  });

  test.for(Object.keys(ALLOWED))("has nothing against %s", (path) => {
    expect(rulesIn(path)).toEqual([]);
  });
});
