import { readFile, rename } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { inProject, root } from "../../scripts/lib/project.mjs";

const OWN = /^sojourn($|\/)/;

/** A folder from which packages can be imported, and in which nothing is looked for. */
const folder = inProject("node_modules", ".cache", "sojourn-programs");

/** Files find their neighbours where they are in the source, not where the program is. */
const plugin: Plugin = {
  name: "program",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "entry-point" || OWN.test(path) ? undefined : { path, external: true },
    );
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      return {
        contents: source.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href)),
        loader: "ts",
      };
    });
  },
};

/**
 * Builds a program of the tests, with the library, into one file of JavaScript. A process starts faster with it
 * than with a compiler of its own.
 *
 * @returns Path of the file, for `node`.
 */
export async function buildProgram(source: URL): Promise<string> {
  const file = fileURLToPath(source);
  const name = relative(root, file).replaceAll(sep, "-").replace(/\.ts$/, ".mjs");
  const outfile = join(folder, name);
  // Another run in this folder may be about to start the same program.
  const unfinished = `${outfile}.${process.pid}`;
  await build({
    entryPoints: [file],
    outfile: unfinished,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["@sojourn/source"],
    plugins: [plugin],
    logLevel: "silent",
  });
  await rename(unfinished, outfile);
  return outfile;
}
