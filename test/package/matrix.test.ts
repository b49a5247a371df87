import { describe, expect, test } from "vitest";
import { cellsFor, parseMatrix, type Wanted } from "../../scripts/lib/matrix/cells.mjs";
import { type Result, toTable } from "../../scripts/lib/matrix/table.mjs";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";

/** The cells of a run, as `runtime: server, server`. */
function cellsOf(...args: string[]): string[] {
  return cellsFor(parseMatrix(args) as Wanted).map(({ runtime, servers }) => {
    const names = servers.map((server) => (server === "none" ? server : server.name));
    return `${runtime.name}: ${names.join(", ")}`;
  });
}

describe("npm run matrix", () => {
  test("runs every runtime without a server and on each", () => {
    const names = ["node-20", "node-22", "node-24", "node-26", "bun", "deno"];
    expect(cellsOf()).toEqual(names.map((name) => `${name}: none, redis-7, redis-8, valkey-9`));
  });

  test.for([
    [["--runtime=bun", "--server=valkey-9"], ["bun: valkey-9"]],
    [
      ["--runtime=bun", "--runtime=deno", "--server=none"],
      ["bun: none", "deno: none"],
    ],
    [
      ["--short"],
      [
        "node-20: redis-7",
        "node-22: redis-8",
        "node-24: valkey-9",
        "node-26: redis-7",
        "bun: redis-8",
        "deno: valkey-9",
      ],
    ],
    [["--short", "--runtime=deno", "--server=redis-8"], ["deno: redis-8"]],
  ] as const)("%j runs these cells", ([args, cells]) => {
    expect(cellsOf(...args)).toEqual(cells);
  });

  test.for([
    ["--runtime=node-18", "node-18 is no runtime of the matrix. Expected node-20, "],
    ["--server=redis-6", "redis-6 is no server of the matrix. Expected none, redis-7, "],
    ["--fast", "--fast is no option. Expected --runtime=NAME, --server=NAME or --short."],
  ] as const)("%s is refused in one line, and nothing runs", async ([arg, line]) => {
    const { status, output } = await run(process.execPath, [inProject("scripts", "matrix.mjs"), arg]);
    expect(status).toBe(1);
    expect(output).toMatch(/^[^\n]+\n$/);
    expect(output).toContain(line);
  });
});

test("the table has the versions that have run", () => {
  const counts = { passed: 10, failed: 0, skipped: 2, seconds: 7, log: undefined };
  const results: Result[] = [
    { runtime: "node-20", runtimeVersion: "20.20.2", server: undefined, ...counts },
    { runtime: "bun", runtimeVersion: "1.4.5", server: "Valkey 9.1.2", ...counts },
  ];
  expect(toTable(results).split("\n")).toEqual([
    "| runtime      | server       | passed | failed | skipped | seconds |",
    "| ------------ | ------------ | -----: | -----: | ------: | ------: |",
    "| Node 20.20.2 | none         |     10 |      0 |       2 |       7 |",
    "| Bun 1.4.5    | Valkey 9.1.2 |     10 |      0 |       2 |       7 |",
  ]);
});
