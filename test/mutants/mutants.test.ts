import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { mutants } from "./index.mjs";
import { judge, type Mutant, mutate, type Outcome } from "./mutant.mjs";

const OUTCOME: Outcome = { passed: 1, failed: 0, ran: 1, timedOut: false, failures: [] };

describe("the list of mutants", () => {
  test("has a name, a promise and tests for each", () => {
    const names = mutants.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, breaks, tests, explained } of mutants) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)+$/);
      expect(breaks).toMatch(/^\S.* .*\.$/);
      expect(tests.filter((file) => !existsSync(inProject(file)))).toStrictEqual([]);
      expect([name, tests.length]).not.toStrictEqual([name, 0]);
      expect(explained).not.toBe("");
    }
  });

  test.each(mutants)("$name: its text stands once in its file", (mutant: Mutant) => {
    const source = readFileSync(inProject(mutant.file), "utf8");
    expect(mutate(mutant, source)).not.toBe(source);
  });
});

describe("a mutant", () => {
  const mutant: Mutant = { name: "m", file: "f.ts", find: "a", replace: "$&", breaks: "x", tests: [] };

  test("is put in as it stands, and only where its text is found once", () => {
    expect(mutate(mutant, "bab")).toBe("b$&b");
    expect(() => mutate(mutant, "bb")).toThrow("m: expected its text once in f.ts, found it 0 times.");
    expect(() => mutate(mutant, "aa")).toThrow("found it 2 times");
  });

  test("is killed by a test that fails, or that never ends", () => {
    expect(judge(mutant, { ...OUTCOME, failed: 1 })).toBe("killed");
    expect(judge(mutant, { ...OUTCOME, ran: 0, timedOut: true })).toBe("killed");
    expect(judge(mutant, OUTCOME)).toBe("survived");
  });

  test("is not killed by a run in which no test was executed", () => {
    expect(judge(mutant, undefined)).toBe("error");
    expect(judge(mutant, { ...OUTCOME, ran: 0, failed: 1 })).toBe("error");
    expect(judge({ ...mutant, explained: "why" }, undefined)).toBe("error");
  });

  test("that is explained survives, and is told of when it does not", () => {
    expect(judge({ ...mutant, explained: "why" }, OUTCOME)).toBe("explained");
    expect(judge({ ...mutant, explained: "why" }, { ...OUTCOME, failed: 1 })).toBe(
      "killed-although-explained",
    );
  });
});
