// A process of its own that ends sessions: node ending-process.ts <port of Redis> <user> <cookie> <how>
import { createSojourn } from "sojourn";

const [port = "", userId = "", cookie = "", how = ""] = process.argv.slice(2);
const { sessions, close } = createSojourn({
  projectName: "shop",
  secretKey: "the secret of the integration tests",
  redis: { default: `redis://127.0.0.1:${port}` },
  sessions: { deadline: "10s" },
});

await sessions.ping();
const begin = Date.now();
if (how === "logout") await (await sessions.open(cookie)).logout();
else await sessions.revokeUser(userId);
process.stdout.write(JSON.stringify({ begin, end: Date.now() }));
await close();
