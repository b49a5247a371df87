// @ts-check
// The example on Nitro.
import { BuiltExample } from "./lib/built-example.mjs";

const example = new BuiltExample("nitro", ["nitropack/dist/cli/index.mjs", "build"]);

/** Builds the example. @returns {Promise<string>} Folder of the built server. */
export function buildExample() {
  return example.build();
}
