// A process that has just begun: it asks its cache at once, with the default settings, and tells how that went.
import { createSojourn } from "sojourn";

const [url = ""] = process.argv.slice(2);
const { caches, close } = createSojourn({
  projectName: "cold",
  secretKey: "only for this test",
  redis: { default: url },
});
const begin = performance.now();
const told = await caches.default.get("greeting").then(String, String);
process.stdout.write(`${Math.round(performance.now() - begin)} ${told}\n`);
await close();
