import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { luaModule, luaModuleText } from "../../../../scripts/embed-lua.mjs";
import * as scripts from "./scripts.ts";

test("the module of scripts is the output of `npm run lua` for the .lua files", () => {
  expect(readFileSync(luaModule, "utf8")).toBe(luaModuleText());
});

test("each script has the text of its .lua file, to the byte", () => {
  const folder = new URL("./", import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".lua"));
  const hashes = files.map((file) => {
    const text = readFileSync(new URL(file, folder));
    return [file, createHash("sha1").update(text).digest("hex")];
  });
  expect(files.length).toBeGreaterThan(0);
  expect(Object.values(scripts).map(({ name, sha1 }) => [`${name}.lua`, sha1])).toEqual(hashes);
});
