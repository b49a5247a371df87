import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { onTestFinished } from "vitest";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { deleteFolder, writeFiles } from "../support/temporary-folder.ts";
import { type CodeBlock, codeBlocks, type Page, readPages } from "./markdown.ts";

// The settings of readers' own projects: strict, but none of the rules that only tidy up.
const CONFIG = {
  extends: "../../tsconfig.json",
  compilerOptions: {
    checkJs: true,
    erasableSyntaxOnly: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    noPropertyAccessFromIndexSignature: false,
  },
  include: [".", "../../test/docs/next.d.ts"],
};

/** The blocks of all pages and of all doc comments. */
export function readBlocks(): CodeBlock[] {
  return [...readPages(), ...readDocComments()].flatMap((page) => codeBlocks(page));
}

function readDocComments(): Page[] {
  const files = readdirSync(inProject("src"), { recursive: true, encoding: "utf8" });
  const sources = files.filter((file) => file.endsWith(".ts") && !/\.test(-d)?\.ts$/.test(file));
  return sources.map((file) => {
    const path = `src/${file}`;
    return { path, text: docCommentsOf(readFileSync(inProject(path), "utf8")) };
  });
}

/** The text of the doc comments in a source file, each line where it was. */
export function docCommentsOf(source: string): string {
  const lines = source.split("\n").map((line) => /^\s*\* ?(.*)$/.exec(line)?.[1] ?? "");
  return lines.map((line) => (line === "/" ? "" : line)).join("\n");
}

/**
 * Compiles blocks of `ts` and `js`, each as a module of its own unless it continues the one before.
 *
 * @returns The errors of the compiler as `file:line: message`, where the block stands in the documentation.
 */
export async function compileErrors(blocks: readonly CodeBlock[]): Promise<string[]> {
  // Inside of the project, so that `sojourn` leads to the source; not in a dot folder, which tsc would skip.
  mkdirSync(inProject("tmp-examples"), { recursive: true });
  const folder = mkdtempSync(inProject("tmp-examples", "blocks-"));
  onTestFinished(() => deleteFolder(folder));
  const modules = modulesOf(blocks);
  const files = modules.map(
    (parts, index) => [`${index}.${parts[0]?.language ?? "ts"}`, padded(parts)] as const,
  );
  await writeFiles(folder, { "tsconfig.json": JSON.stringify(CONFIG), ...Object.fromEntries(files) });
  const tsc = inProject("node_modules", "@typescript", "native", "bin", "tsc");
  const { output } = await run(process.execPath, [
    tsc,
    "--pretty",
    "false",
    "--project",
    join(folder, "tsconfig.json"),
  ]);
  return errorsIn(output, basename(folder), modules);
}

function modulesOf(blocks: readonly CodeBlock[]): CodeBlock[][] {
  const modules: CodeBlock[][] = [];
  for (const block of blocks.filter(({ language }) => language === "ts" || language === "js")) {
    const last = modules.at(-1);
    if (block.isContinued && last?.[0]?.path === block.path) last.push(block);
    else modules.push([block]);
  }
  return modules;
}

/** One file whose lines have the numbers that they have in the documentation. */
function padded(parts: readonly CodeBlock[]): string {
  let text = "";
  for (const { line, code } of parts) text += "\n".repeat(line - text.split("\n").length) + code;
  // Without an import or export it would be a script, whose names all scripts share.
  return `${text}export {};\n`;
}

function errorsIn(output: string, folder: string, modules: readonly CodeBlock[][]): string[] {
  const errors = output.matchAll(
    new RegExp(`^tmp-examples/${folder}/(\\d+)\\.\\w+\\((\\d+),\\d+\\): (.+)$`, "gm"),
  );
  return [...errors].map(
    ([, index, line, message]) => `${modules[Number(index)]?.[0]?.path}:${line}: ${message}`,
  );
}
