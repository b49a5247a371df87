// npm start -- sveltekit: builds the shop where that has not been done, and serves it.
import { run } from "../../scripts/lib/processes.mjs";
import { buildExample } from "../../scripts/sveltekit-example.mjs";
import { readSettings } from "../shared/settings.ts";

const { port, secretKey, advice } = readSettings(process.env);
await buildExample();
if (advice !== undefined) console.log(advice);
const { status } = await run(process.execPath, ["examples/sveltekit/server.js"], {
  env: { PORT: String(port), SECRET_KEY: secretKey },
  inherit: true,
});
process.exitCode = status;
