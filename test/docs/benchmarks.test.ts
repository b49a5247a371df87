import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { figuresOf, spread } from "../../bench/http/report.mjs";
import { SERVER_KINDS } from "../../bench/http/server-kinds.mjs";
import { makeCandidates } from "../../bench/session/candidates.mjs";
import { DATA_LENGTH, makeData, makeDataWithKeys } from "../../bench/session/data.mjs";
import { measure } from "../../bench/session/rounds.mjs";
import { inProject, readJson } from "../../scripts/lib/project.mjs";

const { scripts } = readJson(inProject("package.json")) as { scripts: Record<string, string> };
const names = Object.keys(scripts).flatMap((script) => /^bench:(\w+)$/.exec(script)?.[1] ?? []);

test.each(names)("npm run bench:%s has a benchmark, its figures, and a line for contributors", (name) => {
  expect(existsSync(inProject("bench", name, "main.mjs"))).toBe(true);
  for (const page of ["docs/reference/benchmarks.md", "CONTRIBUTING.md"]) {
    expect(readFileSync(inProject(page), "utf8")).toContain(`\`npm run bench:${name}\``);
  }
});

describe("bench:session", () => {
  test("measures operations that save and log in, for each size and format", async () => {
    const candidates = await makeCandidates();
    expect(candidates).toHaveLength(4 * (1 + 2 * 3));
    const small = candidates.filter(({ size }) => size === "400 bytes");
    const samples = await measure(small, { rounds: 2, milliseconds: 1 }, 1);
    expect(samples.map((own) => own.length)).toEqual(small.map(() => 2));
    expect(samples.flat().every((each) => each > 0)).toBe(true);
  });

  test("has data of the length and with the keys that its page tells", () => {
    for (const visitor of [0, 17, 999]) expect(JSON.stringify(makeData(visitor))).toHaveLength(DATA_LENGTH);
    for (const keys of [10, 100, 1000]) expect(Object.keys(makeDataWithKeys(keys))).toHaveLength(keys);
  });
});

describe("bench:http", () => {
  test("takes differences and ratios of rounds in which the processor was free", () => {
    // Something else ran during the second round.
    const none = candidateOf("none", "untouched", [100, 200, 100]);
    const market = candidateOf("express-session", "read", [140, 280, 140]);
    const own = candidateOf("Sojourn, json", "read", [120, 900, 120]);
    const all = [none, market, own];
    const figures = figuresOf(
      all.map(({ candidate }) => candidate),
      all.map(({ samples }) => samples),
      [0, 2, 1],
    );
    expect(figures[2]).toMatchObject({
      cpu: { p20: 120, p80: 900 },
      extra: 20,
      toUsual: 0.5,
      sent: 1,
    });
  });

  test("sorts the rounds for its percentiles", () => {
    expect(spread([5, 1, 9, 7, 3, 11])).toEqual({ p20: 3, p50: 7, p80: 9 });
  });
});

function candidateOf(library: string, operation: "read" | "untouched", cpus: readonly number[]) {
  const kind = SERVER_KINDS.find((each) => each.framework === "express" && each.library === library);
  if (kind === undefined) throw new Error(`There is no server with ${library}.`);
  const samples = cpus.map((cpu) => ({ cpu, rate: 1000, commands: 0 }));
  return { candidate: { server: { kind }, operation }, samples };
}
