import { beforeAll } from "vitest";
import { driveShop } from "../../../examples/shared/test/drive-shop.ts";
import { startProgram } from "../../../examples/shared/test/start-example.ts";
import { buildExample } from "../../../scripts/react-router-example.mjs";
import { inProject } from "../../../scripts/lib/project.mjs";

beforeAll(async () => {
  await buildExample();
}, 300_000);

driveShop({
  name: "React Router",
  start: (env) =>
    startProgram(["server.js"], {
      cwd: inProject("examples", "react-router"),
      env: { PORT: "0", NODE_ENV: "production", ...env },
    }),
});
