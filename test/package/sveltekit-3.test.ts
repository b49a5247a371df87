import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, vi } from "vitest";
import { installInto } from "../../scripts/lib/application.mjs";
import { runBundler } from "../../scripts/lib/bundler.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { BuiltApplication } from "../examples/sveltekit/built-application.ts";
import { startOn } from "../examples/sveltekit/sveltekit-application.ts";
import { describeInMemory } from "../integration/adapters/support/conformance.ts";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";

const { builder } = vi.hoisted(() => ({
  builder: { build: (): Promise<string> => Promise.reject(new Error("not yet")) },
}));

vi.mock("../../scripts/sveltekit-example.mjs", () => ({ buildTestApplication: () => builder.build() }));

const PACKAGES = [
  "@sveltejs/kit@3.2.0",
  "@sveltejs/adapter-node@6.0.1",
  "@sveltejs/vite-plugin-svelte@7.3.1",
  "svelte@5.57.3",
  "vite@8.3.8",
  "typescript@6",
];

/** The changes that SvelteKit 3 asks for in the application of the tests on SvelteKit 2. */
const CHANGES = {
  // SvelteKit 3 refuses forms without an Origin as well: the tests try the check of the sessions.
  "vite.config.js": `import adapter from "@sveltejs/adapter-node";
import { sveltekit } from "@sveltejs/kit/vite";
const settings = { adapter: adapter(), files: { errorTemplate: "src/error.txt" }, csrf: { trustedOrigins: ["*"] } };
export default { plugins: [sveltekit(settings)], logLevel: "error" };
`,
  // The hook is called for errors of error() as well, whose message stays if nothing is returned.
  "src/hooks.server.js": `import { error, redirect } from "@sveltejs/kit";
const { sojournTest } = globalThis;
export const handle = (input) => sojournTest.handle(input, { error, redirect });
export const handleError = (input) => (input.kind === "unknown" ? sojournTest.handleError(input) : undefined);
`,
};

const folder = makeTemporaryFolder();
afterAll(() => deleteFolder(folder));

async function build(): Promise<string> {
  await cp(inProject("test/examples/sveltekit/application"), folder, { recursive: true });
  await rm(join(folder, "svelte.config.js"));
  await writeFiles(folder, CHANGES);
  await installInto(folder, PACKAGES);
  await runBundler("SvelteKit 3", ["node_modules/vite/bin/vite.js", "build"], {
    cwd: folder,
    env: { NODE_ENV: "production" },
  });
  return join(folder, "build");
}

let built: Promise<string> | undefined;
builder.build = () => (built ??= build());

describeInMemory("sveltekitSessions on SvelteKit 3.2.0", {
  lacks: { raw: "only web responses reach the server", injection: "SvelteKit has none" },
  start: startOn(BuiltApplication.forFile()),
});
