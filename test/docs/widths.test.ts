import { expect, test } from "vitest";
import { type Page, readPages, withoutFences } from "./markdown.ts";

/** Maximum length of a line, in characters: two pages side by side, and a diff, still show it. */
const MAX_WIDTH = 140;

/** Lines of a page that are too long; blocks of code are the formatter's. */
function longLines({ path, text }: Page): string[] {
  return withoutFences(text)
    .split("\n")
    .flatMap((line, index) => (line.length > MAX_WIDTH ? [`${path}:${index + 1}: ${line.length}`] : []));
}

test(`no line of the documentation has more than ${MAX_WIDTH} characters, tables included`, () => {
  const pages = readPages();
  expect(pages.map(({ path }) => path)).toContain("docs/reference/settings.md");
  expect(longLines({ path: "a.md", text: `|${" ".repeat(MAX_WIDTH)}|` })).toEqual([
    `a.md:1: ${MAX_WIDTH + 2}`,
  ]);
  expect(pages.flatMap(longLines)).toEqual([]);
});
