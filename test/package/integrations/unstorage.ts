import { unstorageDriver } from "sojourn/integrations/unstorage";
import { createStorage } from "unstorage";
import { cache } from "./cache.js";

const storage = createStorage<number>({ driver: unstorageDriver(cache, { base: "s" }) });
await storage.setItem("a", 1, { ttl: 60 });
// @ts-expect-error The option is called base.
const wrong = () => unstorageDriver(cache, { prefix: "a" });
const works = (await storage.getItem("a")) === 1 && typeof wrong === "function";
process.stdout.write(`${works}\n`);
