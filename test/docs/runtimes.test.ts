import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runtimes } from "../../scripts/lib/matrix/runtimes.mjs";
import { servers } from "../../scripts/lib/matrix/servers.mjs";
import { inProject, readJson } from "../../scripts/lib/project.mjs";

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

interface Manifest {
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean } | undefined>>;
}

/** Peers that Sojourn loads by itself: npm has to give it a version that fits. */
const LOADED = ["@redis/client", "proper-lockfile"];

/** Peers that have no version among the project's own, but one in an example or a helper. */
const ELSEWHERE = ["better-auth", "next"];

describe("optional peers", () => {
  const { devDependencies, peerDependencies, peerDependenciesMeta } = readJson(
    inProject("package.json"),
  ) as Manifest;
  const names = Object.keys(peerDependencies);

  test("take any version, so that none keeps an application from installing the package", () => {
    const given = names.filter((name) => !LOADED.includes(name));
    expect(given.filter((name) => peerDependencies[name] !== "*")).toEqual([]);
    expect(names.filter((name) => peerDependenciesMeta[name]?.optional !== true)).toEqual([]);
  });

  test("are in the table, with the version that their tests run on", () => {
    const page = readFileSync(inProject("docs", "reference", "runtimes.md"), "utf8");
    const rows = [...page.matchAll(/^\| (`[^|]+`) \| ([^|]+) \| ([\d.]+) \|$/gm)];
    const tested = rows.flatMap(([, libraries = "", works = "", version = ""]) =>
      [...libraries.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => ({ name, works, version })),
    );
    expect(tested.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    const wrong = tested.filter(({ name, works, version }) => {
      const isTested = `${devDependencies[name]}.`.startsWith(`${version}.`) || ELSEWHERE.includes(name);
      return !isTested || !works.includes(version);
    });
    expect(wrong).toEqual([]);
  });
});
