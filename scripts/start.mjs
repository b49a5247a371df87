// @ts-check
// npm start: the example shop, complete on a fresh clone. Only node: modules up to the installation.
import { installPackages } from "./lib/install.mjs";
import { run } from "./lib/processes.mjs";

if (await installPackages()) {
  const shop = ["--import", "tsx", "--conditions", "@sojourn/source", "examples/shop/server.ts"];
  const { status } = await run(process.execPath, [...shop, ...process.argv.slice(2)], { inherit: true });
  process.exitCode = status;
} else {
  process.exitCode = 1;
}
