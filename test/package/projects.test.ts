import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { inProject, readJson } from "../../scripts/lib/project.mjs";
import { chooseProjects, FAST, OTHERS } from "../../scripts/lib/projects.mjs";
import config from "../../vitest.config.ts";

const scripts = readJson(inProject("package.json")).scripts as Record<string, string>;

/** The projects that an npm script runs. */
function projectsOf(script: string, ...more: string[]): readonly string[] {
  return chooseProjects([...(scripts[script] ?? "").split(" ").slice(2), ...more]);
}

test("npm test and the rest are every vitest project, none of them twice", () => {
  const defined = config.test?.projects?.map((project) => (project as { test: { name: string } }).test.name);
  expect([...FAST, ...OTHERS].toSorted()).toEqual(defined?.toSorted());
});

describe("the projects", () => {
  test.for([
    ["npm test: the fast ones", projectsOf("test"), FAST],
    ["npm run test:all: every one", projectsOf("test:all"), [...FAST, ...OTHERS]],
    ["npm run test:all -- --rest: what npm test leaves", projectsOf("test:all", "--rest"), OTHERS],
    ["npm test -- --project=unit: that one", projectsOf("test", "--project=unit", "src/json"), ["unit"]],
    ["npm run test:unit: those that it names", projectsOf("test:unit"), ["unit", "types"]],
  ] as const)("%s", ([, chosen, expected]) => {
    expect(chosen).toEqual(expected);
  });

  test("each is in one of the groups that package.json has names for", () => {
    const groups = Object.keys(scripts).filter((name) => /^test:(?!all$)/.test(name));
    expect(groups.flatMap((name) => projectsOf(name)).toSorted()).toEqual([...FAST, ...OTHERS].toSorted());
  });

  test("CI runs npm test, then the rest, then the short matrix beside the gate without the tests", () => {
    const calls = readFileSync(inProject(".ci", "run"), "utf8").match(/(?<=--kill-after=20 \d+ ).+(?= <)/g);
    expect(calls).toEqual([
      'npm test -- --tally="$scratch/tally"',
      'npm run test:all -- --rest --tally="$scratch/tally"',
      "node scripts/check.mjs --without=tests",
      "npm run matrix -- --short --runtime=node-24 --runtime=bun --runtime=deno",
    ]);
  });
});
