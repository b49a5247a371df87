// @ts-check
// The applications on SvelteKit: the example, and the one of the tests.
import { BuiltExample } from "./lib/built-example.mjs";
import { inProject } from "./lib/project.mjs";

const example = new BuiltExample("sveltekit", ["vite/bin/vite.js", "build"]);

/** Builds the application of the tests. @returns {Promise<string>} Folder of the built server. */
export function buildTestApplication() {
  return example.buildApplication(inProject("test", "examples", "sveltekit", "application"));
}

/** Builds the example. @returns {Promise<string>} Folder of the built server. */
export function buildExample() {
  return example.build();
}
