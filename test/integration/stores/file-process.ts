// A process of its own that counts in a session: node file-process.ts <folder> <cookie> <how often>
import { createSojourn } from "sojourn";
import { fileSessionStore } from "sojourn/stores/file";

const [path = "", cookie = "", times = "0"] = process.argv.slice(2);
const { sessions, close } = createSojourn<{ n?: number }>({
  projectName: "p",
  secretKey: "the secret of the integration tests",
  sessions: { store: fileSessionStore({ path }), deadline: "20s" },
});

await Promise.all(
  Array.from({ length: Number(times) }, async () => {
    const session = await sessions.open(cookie);
    await session.update((data) => (data.n = (data.n ?? 0) + 1));
  }),
);
await close();
