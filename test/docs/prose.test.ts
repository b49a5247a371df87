import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { readPages, withoutCode } from "./markdown.ts";

/** Folders of code whose comments are read. */
const FOLDERS = ["src", "examples", "scripts", "bench", "test"];

/** Beginnings of a sentence that has its subject turned round. */
const TURNED = /^(?:(?:Who|Whoever|Whom|Whose)\b|Most that|Least that|Of (?:a|an|the)\b|What\b.*\bis\b)/;

/** Words that the plain present tense does without. */
const OLD_WORDS = /\b(?:anew|shall)\b/;

/** The same in pages, where no sentence needs "whoever" either. */
const OLD_WORDS_OF_PAGES = /\b(?:anew|shall|whoever)\b/i;

interface Comment {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** The first line of each comment of a file: of a doc comment, a block, or a run of `//` lines. */
function commentsOf(file: string, source: string): Comment[] {
  const lines = source.split("\n");
  return lines.flatMap((each, at) => {
    const begin = /^\s*(?:\/\*\*? ?|\/\/ )(.*)$/.exec(each)?.[1];
    if (begin === undefined || /^\s*\/\//.test(lines[at - 1] ?? "")) return [];
    const text = begin === "" ? (lines[at + 1] ?? "").replace(/^\s*\* ?/, "") : begin;
    return [{ file, line: at + 1, text }];
  });
}

function allLines(): Comment[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(inProject(folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:ts|mjs)$/.test(name) && !name.includes("node_modules"))
      .flatMap((name) => {
        const file = join(folder, name);
        return commentsOf(file, readFileSync(inProject(file), "utf8"));
      }),
  );
}

test("no comment begins with its subject turned round", () => {
  const comments = allLines();
  expect(comments.length).toBeGreaterThan(1000);
  const turned = comments.filter(({ text }) => TURNED.test(text) || OLD_WORDS.test(text));
  expect(turned.map(({ file, line, text }) => `${file}:${line}: ${text}`)).toEqual([]);
});

test("the check finds them in doc comments, blocks and lines", () => {
  const source = [
    "/** Who waits, waits. */",
    "/**",
    " * Most that a record may have.",
    " */",
    "// Of a login it is not known.",
    "// Who goes on is part of the comment above.",
    "const plain = 1; // What it is, is said here.",
    "/** What a read is good for. */",
    "// Reads it anew.",
  ].join("\n");
  const found = commentsOf("a.ts", source).filter(({ text }) => TURNED.test(text) || OLD_WORDS.test(text));
  expect(found.map(({ line }) => line)).toEqual([1, 2, 5, 8, 9]);
});

/** Sentences of a page that have their subject turned round, with a heading's and a question's left out. */
function turnedSentences(text: string): string[] {
  const blocks = withoutCode(text)
    .split(/\n(?=\s*(?:[-*|#>]|\d+\.)\s|\s*\n)/)
    .map((block) => block.replaceAll(/\s+/g, " ").trim())
    .filter((block) => block !== "" && !block.startsWith("#"));
  const sentences = blocks
    .flatMap((block) => (block.startsWith("|") ? block.split("|") : [block.replace(/^(?:[-*>]|\d+\.) /, "")]))
    .flatMap((part) => part.trim().split(/(?<=[.:;!?][*_")]*) /));
  return sentences
    .map((sentence) => sentence.replace(/^[*_"(]+/, ""))
    .filter((sentence) => isTurned(sentence) || OLD_WORDS_OF_PAGES.test(sentence))
    .filter((sentence) => !/\?[*_")]*$/.test(sentence));
}

function isTurned(sentence: string): boolean {
  return /^(?:(?:Who|Whoever|Whom|Whose)\b|Most that|Of (?:an?|any|nothing|the|two|itself|\d+)\b|What\b(?! (?:to do|happened):))/.test(
    sentence,
  );
}

test("no sentence of the documentation begins with its subject turned round", () => {
  const pages = readPages();
  expect(pages.length).toBeGreaterThan(50);
  const paths = pages.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(["docs/guides/cache.md", "examples/shop/README.md"]));
  expect(paths.filter((path) => path.startsWith("docs/decisions/")).length).toBeGreaterThan(20);
  const turned = pages.flatMap(({ path, text }) => turnedSentences(text).map((each) => `${path}: ${each}`));
  expect(turned).toEqual([]);
});

test("the check finds them in paragraphs, items, tables, quotes and bold beginnings", () => {
  const page = [
    "# What it is",
    "",
    "A plain one. Who waits,",
    "waits. `Who` is code.",
    "- **What expires** is deleted.",
    "1. Of a login",
    "   it is not known.",
    "- **What to do:** nothing.",
    "- **Limits.** Most that a record may have.",
    "> What happened is unknown.",
    "",
    "| state | result |",
    "| --- | --- |",
    "| gone | Who waits gets nothing. Of 7 none is left. |",
    "",
    "It starts anew. Anew is an old word, and the limiter, whoever it is, too.",
    "",
    "What is it? A plain answer (*what is it?*)",
  ].join("\n");
  expect(turnedSentences(page)).toEqual([
    "Who waits, waits.",
    "What expires** is deleted.",
    "Of a login it is not known.",
    "Most that a record may have.",
    "What happened is unknown.",
    "Who waits gets nothing.",
    "Of 7 none is left.",
    "It starts anew.",
    "Anew is an old word, and the limiter, whoever it is, too.",
  ]);
});
