import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { drawPictures } from "../../scripts/draw-concurrency.mjs";
import { inProject } from "../../scripts/lib/project.mjs";

const FOLDER = inProject("docs", "guides", "images");

test("the pictures of the documentation are those that scripts/draw-concurrency.mjs draws", () => {
  const pictures = drawPictures();
  expect(readdirSync(FOLDER).toSorted()).toEqual([...pictures.keys()].toSorted());
  for (const [file, text] of pictures) expect(readFileSync(`${FOLDER}/${file}`, "utf8"), file).toBe(text);
});

test("each picture is in the guide, and says in words what it shows", () => {
  const guide = readFileSync(inProject("docs", "guides", "concurrency.md"), "utf8");
  for (const [file, text] of drawPictures()) {
    expect(guide).toMatch(new RegExp(`!\\[[^\\]]{20,}\\]\\(images/${file.replace(".", "\\.")}\\)`));
    expect(text).toMatch(/<title id="([\w-]+)">[^<]{20,}<\/title>\s*<desc id="([\w-]+)">[^<]{80,}<\/desc>/);
  }
});
