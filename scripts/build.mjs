// @ts-check
// Builds dist/ from src/: a bundle of each entry of package.json, and declarations. Entries share
// their common code as chunks, so that `import "sojourn"` reads a few files in place of 250, in two
// fifths of the time. The Lua scripts are text in the JavaScript.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { build } from "esbuild";
import { embedLua } from "./embed-lua.mjs";
import { inProject, readJson } from "./lib/project.mjs";
import { run } from "./lib/processes.mjs";

/**
 * Dependencies whose used parts are in the bundle: a twentieth of valibot is used, and reading the
 * rest took a tenth of the time. It stays a dependency for its types.
 */
const BUNDLED = ["valibot"];

const manifest = readJson(inProject("package.json"));

embedLua();
rmSync(inProject("dist"), { recursive: true, force: true });
await bundle();
process.exitCode = await emitDeclarations();

async function bundle() {
  const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  await build({
    entryPoints: entries().map((entry) => inProject(entry)),
    outdir: inProject("dist"),
    outbase: inProject("src"),
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "es2023",
    external: packages.filter((name) => !BUNDLED.includes(name)),
    sourcemap: "linked",
    sourcesContent: false,
    logLevel: "warning",
  });
  mkdirSync(inProject("dist", "licenses"));
  for (const name of BUNDLED)
    copyFileSync(inProject("node_modules", name, "LICENSE.md"), inProject("dist", "licenses", `${name}.md`));
}

/** Returns the sources of the files that package.json names. */
function entries() {
  /** @type {(string | { readonly default: string })[]} */
  const targets = [...Object.values(manifest.exports), ...Object.values(manifest.bin)];
  return targets
    .map((target) => (typeof target === "string" ? target : target.default))
    .filter((path) => path.startsWith("./dist/"))
    .map((path) => path.replace("./dist/", "src/").replace(/\.js$/, ".ts"));
}

async function emitDeclarations() {
  const { status, output } = await run(process.execPath, [
    inProject("node_modules", "@typescript", "native", "bin", "tsc"),
    "--project",
    inProject("tsconfig.build.json"),
  ]);
  process.stdout.write(output);
  return status;
}
