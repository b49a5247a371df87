import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inProject } from "../../../scripts/lib/project.mjs";
import { codeBlocks } from "../../docs/markdown.ts";

/** The blocks of a guide that are in a language. */
export function blocksOf(guide: string, language: string): string[] {
  const text = readFileSync(inProject("docs/guides", guide), "utf8");
  return codeBlocks({ path: guide, text }).flatMap((block) => (block.language === language ? [block.code] : []));
}

/** Tests that a guide shows a module as the tests run it. */
export function testThatGuideShows(guide: string, file: string): void {
  test(`${guide} shows ${file} as it is tested here`, () => {
    expect(blocksOf(guide, "ts")).toContain(readFileSync(inProject("test/browser/guides", file), "utf8"));
  });
}
