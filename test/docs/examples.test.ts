import { expect, test } from "vitest";
import { compileErrors, docCommentsOf, readBlocks } from "./examples.ts";
import { codeBlocks } from "./markdown.ts";

test("every ts and js block of the pages and the doc comments compiles against the public specifiers", async () => {
  const blocks = readBlocks();
  expect(blocks.map(({ path }) => path)).toContain("README.md");
  expect(await compileErrors(blocks)).toEqual([]);
});

test("no block escapes the check by another spelling of its language", () => {
  const escaped = readBlocks().filter(({ language }) =>
    /^([cm]?[jt]sx?|typescript|javascript)$/i.test(language),
  );
  expect(escaped.filter(({ language }) => language !== "ts" && language !== "js")).toEqual([]);
});

test("the check finds a misspelt import, a wrong type and an unknown name, and says where they stand", async () => {
  const text = [
    "# Page",
    "```ts",
    'import { createSojorn } from "sojourn";',
    "```",
    "```ts",
    "const n: number = 1;",
    "```",
    "text between",
    "```ts continued",
    "const t: string = n;",
    "```",
    "```js",
    "unknownName();",
    "```",
  ].join("\n");
  expect(await compileErrors(codeBlocks({ path: "docs/page.md", text }))).toEqual([
    expect.stringMatching(/^docs\/page\.md:3: error TS2724: .*'createSojourn'/),
    expect.stringMatching(/^docs\/page\.md:10: error TS2322: /),
    expect.stringMatching(/^docs\/page\.md:13: error TS2304: .*'unknownName'/),
  ]);
});

test("the check reads the examples of doc comments", async () => {
  const source = [
    "/**",
    " * Does it.",
    " *",
    " * @example",
    " * ```ts",
    " * noSuchName();",
    " * ```",
    " */",
    "act();",
  ].join("\n");
  const blocks = codeBlocks({ path: "src/a.ts", text: docCommentsOf(source) });
  expect(await compileErrors(blocks)).toEqual([expect.stringMatching(/^src\/a\.ts:6: error TS2304: /)]);
});
