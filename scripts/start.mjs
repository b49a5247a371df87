// @ts-check
// npm start: the example shop, complete on a fresh clone; npm start -- fastify: the small one of a framework. Only node:
// modules up to the installation.
import { existsSync } from "node:fs";
import { installPackages } from "./lib/install.mjs";
import { run } from "./lib/processes.mjs";
import { inProject } from "./lib/project.mjs";

const [name = "shop"] = process.argv.slice(2);
const program = ["server.ts", "app.ts"]
  .map((file) => inProject("examples", name, file))
  .find((path) => existsSync(path));

if (program === undefined) {
  console.error(`There is no shop of "${name}" in examples/.`);
  process.exitCode = 1;
} else if (await installPackages()) {
  const loaders = ["--import", "tsx", "--conditions", "@sojourn/source"];
  const { status } = await run(process.execPath, [...loaders, program], { inherit: true });
  process.exitCode = status;
} else {
  process.exitCode = 1;
}
