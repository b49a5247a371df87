import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";

/** Entries that stand in no group of their version. */
function ungrouped(text: string): string[] {
  let group = "";
  return text.split("\n").filter((line) => {
    if (line.startsWith("## ")) group = "";
    if (line.startsWith("### ")) group = line;
    return line.startsWith("- ") && group === "";
  });
}

test("each entry of the changelog stands in a group", () => {
  const changelog = readFileSync(inProject("CHANGELOG.md"), "utf8");
  expect(changelog.match(/^- /gm)?.length).toBeGreaterThan(20);
  expect(ungrouped("## 1.0.0\n\n- alone\n\n### Cache\n\n- grouped\n")).toEqual(["- alone"]);
  expect(ungrouped(changelog)).toEqual([]);
});
