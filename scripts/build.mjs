// @ts-check
// Builds dist/ from src/: compiled JavaScript, declarations, and the Lua scripts beside the modules that load them.
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inProject } from "./lib/project.mjs";
import { run } from "./lib/processes.mjs";

const source = inProject("src");
const target = inProject("dist");

rmSync(target, { recursive: true, force: true });
const { status, output } = await run(process.execPath, [
  inProject("node_modules", "@typescript", "native", "bin", "tsc"),
  "--project",
  inProject("tsconfig.build.json"),
]);
process.stdout.write(output);
if (status === 0) copyLuaScripts();
process.exitCode = status;

function copyLuaScripts() {
  const files = readdirSync(source, { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".lua"))) cpSync(join(source, file), join(target, file));
}
