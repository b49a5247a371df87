// @ts-check
// Builds dist/ from src/: compiled JavaScript and declarations. The Lua scripts are text in the JavaScript.
import { rmSync } from "node:fs";
import { embedLua } from "./embed-lua.mjs";
import { inProject } from "./lib/project.mjs";
import { run } from "./lib/processes.mjs";

embedLua();
rmSync(inProject("dist"), { recursive: true, force: true });
const { status, output } = await run(process.execPath, [
  inProject("node_modules", "@typescript", "native", "bin", "tsc"),
  "--project",
  inProject("tsconfig.build.json"),
]);
process.stdout.write(output);
process.exitCode = status;
