import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { inProject } from "../../scripts/lib/project.mjs";

const IS_PAGE = /\.md$/;

/** A page of the documentation. */
export interface Page {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
}

/** All pages: those at the top of the project, in docs/ and in examples/. */
export function readPages(): Page[] {
  const top = readdirSync(inProject()).filter((file) => IS_PAGE.test(file));
  const paths = [...top, ...pagesIn("docs"), ...pagesIn("examples")];
  return paths.map((path) => ({ path, text: readFileSync(inProject(path), "utf8") }));
}

function pagesIn(folder: string): string[] {
  return readdirSync(inProject(folder), { recursive: true, encoding: "utf8" })
    .filter((file) => IS_PAGE.test(file) && !file.includes("node_modules"))
    .map((file) => join(folder, file));
}

/** The text with each item of a list on one line. */
export function unwrapped(text: string): string {
  return text.replaceAll(/\n {2,}(?=\S)/g, " ");
}

/** A fenced block of code. */
export interface CodeBlock {
  /** Relative to the project. */
  readonly path: string;
  /** Number of the block's first line of code in its file, from 1. */
  readonly line: number;
  /** First word after the fence, such as `ts`. */
  readonly language: string;
  /** Whether the second word is `continued`: the code goes on from the block before. */
  readonly isContinued: boolean;
  readonly code: string;
}

const FENCE = /^( {0,3}|> )(`{3,})(\w*) *(\w*)\n([\s\S]*?)^\1\2 *$/gm;

/** Finds the fenced blocks of a text. */
export function codeBlocks({ path, text }: Page): CodeBlock[] {
  return [...text.matchAll(FENCE)].map((match) => {
    const [, indent = "", , language = "", info = "", code = ""] = match;
    return {
      path,
      line: text.slice(0, match.index).split("\n").length + 1,
      language,
      isContinued: info === "continued",
      code: indent === "" ? code : code.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    };
  });
}

/** The text with its fenced blocks blanked out. Lines keep their numbers. */
export function withoutFences(text: string): string {
  return text.replaceAll(FENCE, (block) => block.replaceAll(/[^\n]/g, ""));
}

/** The text with its code blanked out, so that what looks like a link or a heading in there is none. */
export function withoutCode(text: string): string {
  return withoutFences(text).replaceAll(/`[^`\n]*`/g, (code) => " ".repeat(code.length));
}

/** Headings of a text, without their number signs. */
export function headings(text: string): string[] {
  return [...text.replaceAll(FENCE, "").matchAll(/^#{1,6} +(.+?) *#*$/gm)].map((match) => match[1] ?? "");
}

/**
 * The anchor that a heading gets where the project is hosted: lower case, punctuation dropped, hyphens for
 * spaces.
 */
export function anchorOf(heading: string): string {
  const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\- _]/gu, "")
    .replaceAll(" ", "-");
}

/** A link to another place of the documentation. */
export interface Link {
  readonly line: number;
  /** As it is written. */
  readonly href: string;
  /** Path of the target relative to the project, and the anchor in it (empty when there is none). */
  readonly path: string;
  readonly anchor: string;
}

/** The relative links of a page: inline ones and definitions. */
export function relativeLinks(page: Page): Link[] {
  const text = withoutCode(page.text);
  const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const definitions = [...text.matchAll(/^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)/gm)];
  return [...inline, ...definitions]
    .map((match) => ({ href: match[1] ?? "", line: text.slice(0, match.index).split("\n").length }))
    .filter(({ href }) => !/^[a-z][a-z0-9+.-]*:/i.test(href))
    .map(({ href, line }) => ({ href, line, ...targetOf(page.path, href) }));
}

function targetOf(from: string, href: string): { path: string; anchor: string } {
  const [path = "", anchor = ""] = decodeURI(href).split("#");
  return { path: path === "" ? from : normalize(join(dirname(from), path)), anchor };
}
