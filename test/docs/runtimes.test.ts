import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runtimes } from "../../scripts/lib/matrix/runtimes.mjs";
import { servers } from "../../scripts/lib/matrix/servers.mjs";
import { inProject } from "../../scripts/lib/project.mjs";

/** The rows of the matrix, such as `["Node 20.20.2", "Redis 7.0.15", "183", "0", "0", "31"]`. */
function matrixRows(): string[][] {
  const page = readFileSync(inProject("docs", "reference", "runtimes.md"), "utf8");
  const rows = page.split("\n").filter((line) => /^\| (Node|Bun|Deno) \d+\.\d+\.\d+ /.test(line));
  return rows.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

test("the table of the matrix has every runtime, in the version that is installed, on every server", () => {
  const cells = matrixRows().map(([runtime, server]) => `${runtime}, ${server?.split(".")[0]}`);
  const expected = servers.flatMap(({ label, major }) =>
    runtimes.map(({ name, version }) => {
      const kind = name.replace(/-.*/, "");
      return `${kind.charAt(0).toUpperCase()}${kind.slice(1)} ${version}, ${label} ${major}`;
    }),
  );
  expect(cells.toSorted()).toEqual(expected.toSorted());
});

test("no cell of the table has failed", () => {
  expect(matrixRows().map(([, , , failed]) => failed)).toEqual(matrixRows().map(() => "0"));
});
