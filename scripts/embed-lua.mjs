// @ts-check
// Writes the text of the Lua scripts into a TypeScript module beside them, so that nothing is read from disk at run
// time: bundled programs have no such files. The .lua files are what is read and changed.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inProject } from "./lib/project.mjs";

const folder = inProject("src", "stores", "redis", "scripts");

/** The module that {@link embedLua} writes. */
export const luaModule = join(folder, "scripts.ts");

/** Text of the module, as the .lua files are now. */
export function luaModuleText() {
  const names = readdirSync(folder)
    .filter((file) => file.endsWith(".lua"))
    .map((file) => file.slice(0, -".lua".length))
    .toSorted();
  return [
    "// Made by `npm run lua` from the .lua files in this folder: change those.",
    'import { RedisScript } from "../../../redis/script.ts";',
    ...names.map(toConstant),
    "",
  ].join("\n");
}

export function embedLua() {
  writeFileSync(luaModule, luaModuleText());
}

/**
 * Without the mark, bundlers keep the scripts of stores that a program does not use.
 *
 * @param {string} name
 */
function toConstant(name) {
  const source = readFileSync(join(folder, `${name}.lua`), "utf8").replaceAll("\r\n", "\n");
  const literal = source.replace(/[\\`]|\$(?=\{)/g, "\\$&");
  const constant = name.replaceAll("-", "_").toUpperCase();
  return `\nexport const ${constant}: RedisScript = /* @__PURE__ */ new RedisScript(\n  "${name}",\n  \`${literal}\`,\n);`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) embedLua();
