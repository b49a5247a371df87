// A process of its own that counts in a session: node updating-process.ts <engine, as JSON> <cookie> <how often>
import { createSojourn } from "sojourn";
import type { EngineDescription } from "../../support/engines/engine-description.ts";
import { openEngine } from "../../support/engines/open-engine.ts";

const [engine = "", cookie = "", times = "0"] = process.argv.slice(2);
const { redis, store, format, close: closeEngine } = openEngine(JSON.parse(engine) as EngineDescription);
const { sessions, close } = createSojourn<{ n?: number }>({
  projectName: "shop",
  secretKey: "the secret of the integration tests",
  redis,
  sessions: { store, format, deadline: "60s" },
});

await Promise.all(
  Array.from({ length: Number(times) }, async () => {
    const session = await sessions.open(cookie);
    await session.update((data) => (data.n = (data.n ?? 0) + 1));
  }),
);
await close();
await closeEngine();
