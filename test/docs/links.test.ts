import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { anchorOf, headings, type Page, readPages, relativeLinks } from "./markdown.ts";

/** The links of a page that lead nowhere, as `file:line: href`. */
function deadLinks(page: Page): string[] {
  return relativeLinks(page)
    .filter((link) => !leadsSomewhere(page, link))
    .map(({ line, href }) => `${page.path}:${line}: ${href}`);
}

function leadsSomewhere(page: Page, { path, anchor }: { path: string; anchor: string }): boolean {
  if (path !== page.path && !existsSync(inProject(path))) return false;
  if (anchor === "" || !path.endsWith(".md")) return true;
  const text = path === page.path ? page.text : readFileSync(inProject(path), "utf8");
  return headings(text).some((heading) => anchorOf(heading) === anchor);
}

test("every relative link of the documentation leads to a file and, where it names one, to a heading", () => {
  const pages = readPages();
  expect(pages.map(({ path }) => path)).toContain("README.md");
  expect(pages.flatMap(deadLinks)).toEqual([]);
});

test("the check finds a missing file, a missing heading, and nothing in code", () => {
  const text = [
    "# A page of `ours`",
    "[gone](gone.md) and [here](#a-page-of-ours), [not here](#elsewhere), [web](https://example.org/x.md)",
    "`[code](code.md)`",
    "```md",
    "[fenced](fenced.md)",
    "```",
    "[definition]: ../also-gone.md",
    "[readme](../README.md)",
  ].join("\n");
  expect(deadLinks({ path: "docs/page.md", text })).toEqual([
    "docs/page.md:2: gone.md",
    "docs/page.md:2: #elsewhere",
    "docs/page.md:7: ../also-gone.md",
  ]);
});
