// npm start -- next: builds the shop where that has not been done, and serves it.
import { run } from "../../scripts/lib/processes.mjs";
import { buildNextExample } from "../../scripts/next-example.mjs";
import { readSettings } from "../shared/settings.ts";

const { port, secretKey, advice } = readSettings(process.env);
const cwd = await buildNextExample();
if (advice !== undefined) console.log(advice);
const { status } = await run(
  process.execPath,
  ["node_modules/next/dist/bin/next", "start", "-p", String(port)],
  { cwd, env: { NODE_ENV: "production", SECRET_KEY: secretKey }, inherit: true },
);
process.exitCode = status;
