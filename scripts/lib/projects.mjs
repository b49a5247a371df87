// @ts-check

/** The vitest projects of `npm test`: done in three minutes, and in need of no server but Redis. */
export const FAST = ["unit", "types", "docs", "promises"];

/** The vitest projects that `npm run test:all` runs as well. */
export const OTHERS = [
  "package",
  "interop",
  "frameworks",
  "engines",
  "integration",
  "faults",
  "examples",
  "browser",
];

const PROJECT = /^--project=(.+)$/;

/**
 * The vitest projects that a run is for.
 *
 * @param {readonly string[]} args Arguments of scripts/test.mjs: projects by name, else `--all`, else
 *   `--rest`, which leaves out what `npm test` runs; without any, those of `npm test`.
 * @returns {readonly string[]}
 */
export function chooseProjects(args) {
  const named = args.flatMap((argument) => PROJECT.exec(argument)?.[1] ?? []);
  if (named.length > 0) return named;
  if (args.includes("--rest")) return OTHERS;
  return args.includes("--all") ? [...FAST, ...OTHERS] : FAST;
}
