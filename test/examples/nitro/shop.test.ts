import { beforeAll } from "vitest";
import { driveShop } from "../../../examples/shared/test/drive-shop.ts";
import { startProgram } from "../../../examples/shared/test/start-example.ts";
import { buildExample } from "../../../scripts/nitro-example.mjs";
import { inProject } from "../../../scripts/lib/project.mjs";

beforeAll(async () => {
  await buildExample();
}, 300_000);

driveShop({
  name: "Nitro",
  start: (env) =>
    startProgram(["server.js"], { cwd: inProject("examples", "nitro"), env: { PORT: "0", ...env } }),
});
