import { readFileSync } from "node:fs";
import { join } from "node:path";
import { publicFolder } from "./settings.ts";

/** A file that is the same for all visitors. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

const assets = new Map<string, Asset>([
  ["/style.css", { type: "text/css", body: readFileSync(join(publicFolder, "style.css")) }],
  ["/icon.svg", { type: "image/svg+xml", body: readFileSync(join(publicFolder, "icon.svg")) }],
]);

/** Finds the file of a path, for frameworks that serve no files by themselves. */
export function findAsset(path: string): Asset | undefined {
  return assets.get(path);
}
