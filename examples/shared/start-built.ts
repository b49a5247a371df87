import { run } from "../../scripts/lib/processes.mjs";
import { readSettings } from "./settings.ts";

/** Builds a shop with a build of its own where that has not been done, and runs its `server.js`. */
export async function startBuiltExample(name: string, build: () => Promise<unknown>): Promise<void> {
  const { port, secretKey, advice } = readSettings(process.env);
  await build();
  if (advice !== undefined) console.log(advice);
  const { status } = await run(process.execPath, [`examples/${name}/server.js`], {
    env: { NODE_ENV: "production", PORT: String(port), SECRET_KEY: secretKey },
    inherit: true,
  });
  process.exitCode = status;
}
