import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test, vi } from "vitest";
import { describeInMemory } from "../integration/adapters/support/conformance.ts";
import { startReactRouter } from "../integration/adapters/support/react-router-application.ts";
import { deleteFolder } from "../support/temporary-folder.ts";

// Not among the packages of the project, since it asks for Node 22.22.
const { VERSION, folder } = vi.hoisted(() => ({ VERSION: "8.5.3", folder: { path: "" } }));

vi.mock("react-router", async () => {
  const { makeTemporaryFolder, writeFiles } = await import("../support/temporary-folder.ts");
  const { installInto, testedVersions } = await import("../../scripts/lib/application.mjs");
  folder.path = makeTemporaryFolder();
  await writeFiles(folder.path, { "package.json": '{ "private": true }\n' });
  await installInto(folder.path, [`react-router@${VERSION}`, ...testedVersions(["react", "react-dom"])]);
  const file = createRequire(join(folder.path, "package.json")).resolve("react-router");
  return import(/* @vite-ignore */ pathToFileURL(file).href) as Promise<object>;
});

afterAll(() => deleteFolder(folder.path));

test(`the version is ${VERSION}`, () => {
  const manifest = createRequire(join(folder.path, "package.json"))("react-router/package.json") as {
    readonly version: string;
  };
  expect(manifest.version).toBe(VERSION);
});

describeInMemory(`reactRouterSessions on React Router ${VERSION}`, {
  lacks: {
    raw: "only web responses reach the server",
    listener: "the bridge of the test gives no request of Node",
  },
  start: startReactRouter,
});
