import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { codeBlocks } from "./markdown.ts";

/** The folders of modules that tests run and guides show in full. */
const FOLDERS = [
  "test/browser/guides",
  "test/integration/guides/development-and-tests",
  "test/integration/guides/passport",
  "test/integration/guides/socket-io",
  "test/integration/guides/websockets",
];

const blocks = readdirSync(inProject("docs/guides"))
  .filter((name) => name.endsWith(".md"))
  .flatMap((name) => codeBlocks({ path: name, text: readFileSync(inProject("docs/guides", name), "utf8") }))
  .map((block) => block.code);

describe.each(FOLDERS)("a guide shows, as it is tested, each module of %s:", (folder) => {
  test.each(readdirSync(inProject(folder)))("%s", (file) => {
    // The blocks of a guide are one module where they are compiled, so they import nothing of each other.
    const shown = readFileSync(inProject(folder, file), "utf8").replaceAll(/^import .* from "\.\/.*\n/gm, "");
    expect(blocks).toContain(shown);
  });
});
