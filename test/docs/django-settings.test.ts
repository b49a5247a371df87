import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";

/** Names at the head of the page's list items and table rows, such as `KEY_PREFIX` or `OPTIONS.DB`. */
function documentedNames(): Set<string> {
  const page = readFileSync(inProject("docs/reference/django/settings.md"), "utf8");
  const heads = [...page.matchAll(/^(?:-|\|) (`[^:(|]*)/gm)].map((match) => match[1] ?? "");
  return new Set(heads.flatMap((head) => [...head.matchAll(/`([A-Z_.]+)`/g)].map((match) => match[1] ?? "")));
}

/** Returns the settings that the types of `djangoSettings` name. */
function knownNames(): string[] {
  const source = readFileSync(inProject("src/django/settings/names.ts"), "utf8");
  return [...source.matchAll(/^ {2}readonly ([A-Z_]+)\??:/gm)].map((match) => match[1] ?? "");
}

test("every name of Django's that djangoSettings takes is on its page", () => {
  const documented = documentedNames();
  const known = knownNames().filter((name) => name !== "CACHES" && name !== "OPTIONS");
  expect(known.length).toBeGreaterThan(30);
  expect(known.filter((name) => !documented.has(name))).toEqual([]);
});
