import { readFileSync } from "node:fs";
import { inProject } from "../../../scripts/lib/project.mjs";
import { codeBlocks } from "../../docs/markdown.ts";

/** The blocks of a guide that are in a language. */
export function blocksOf(guide: string, language: string): string[] {
  const text = readFileSync(inProject("docs/guides", guide), "utf8");
  return codeBlocks({ path: guide, text }).flatMap((block) =>
    block.language === language ? [block.code] : [],
  );
}
