// @ts-check
// The example on React Router.
import { BuiltExample } from "./lib/built-example.mjs";

const example = new BuiltExample("react-router", ["@react-router/dev/bin.js", "build"]);

/** Builds the example. @returns {Promise<string>} Folder of the built server. */
export function buildExample() {
  return example.build();
}
