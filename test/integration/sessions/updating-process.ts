// A process of its own that counts in a session: node updating-process.ts <redis url> <cookie> <how often>
import { createSojourn } from "sojourn";

const [url = "", cookie = "", times = "0"] = process.argv.slice(2);
const { sessions, close } = createSojourn<{ n?: number }>({
  projectName: "shop",
  secretKey: "an integration test's secret",
  redis: { default: url },
  sessions: { deadline: "60s" },
});

await Promise.all(
  Array.from({ length: Number(times) }, async () => {
    const session = await sessions.open(cookie);
    await session.update((data) => (data.n = (data.n ?? 0) + 1));
  }),
);
await close();
