import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";

/** Returns the proofs that docs/security.md names: files and titles in them. */
function namedTests(text: string): { file: string; title: string }[] {
  // A formatter may break a line anywhere, and writes underscores with a backslash.
  const page = text.replaceAll(/\s+/g, " ").replaceAll("\\_", "_");
  return [...page.matchAll(/`([\w/.-]+\.test\.ts)`: ((?:"[^"]+"(?:; )?)+)/g)].flatMap(
    ([, file = "", titles = ""]) =>
      [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => ({ file, title })),
  );
}

test("every test that docs/security.md names is there", () => {
  const named = namedTests(readFileSync(inProject("docs/security.md"), "utf8"));
  expect(named.length).toBeGreaterThan(30);
  // Titles stand in quotes: a longer one that only contains the text is another test.
  const missing = named.filter(({ file, title }) => {
    const source = readFileSync(inProject(file), "utf8");
    return !['"', "'", "`"].some((quote) => source.includes(`${quote}${title}${quote}`));
  });
  expect(missing).toEqual([]);
});
