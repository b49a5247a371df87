import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { headings } from "./markdown.ts";

const read = (path: string): string => readFileSync(inProject(path), "utf8");

/** The members of the closed union, read from its declaration: at run time a type is gone. */
function declaredCodes(): string[] {
  const union = /export type SojournErrorCode =([^;]+);/.exec(read("src/core/errors.ts"))?.[1] ?? "";
  return [...union.matchAll(/"(ERR_\w+)"/g)].map((match) => match[1] ?? "").toSorted();
}

function documentedCodes(): string[] {
  return headings(read("docs/reference/errors.md"))
    .map((heading) => heading.replaceAll("`", ""))
    .filter((heading) => heading.startsWith("ERR_"))
    .toSorted();
}

test("every error code has one heading in the reference, and every heading there is a code", () => {
  expect(declaredCodes()).toContain("ERR_SESSION_CONFLICT");
  expect(documentedCodes()).toEqual(declaredCodes());
});
