import { createCache } from "cache-manager";
import { Keyv } from "keyv";
import { keyvStore } from "sojourn/integrations/keyv";
import { cache } from "./cache.js";

const keyv: Keyv<number> = new Keyv({ store: keyvStore(cache), namespace: "n" });
await keyv.set("a", 1, 60_000);
const manager = createCache({ stores: [keyv as Keyv] });
await manager.wrap("b", () => 2, 60_000);
// @ts-expect-error A time to live is a number.
const wrong = () => keyvStore(cache).set("a", 1, "1m");
const works = (await cache.keys("*")).toSorted().join(" ") === "n:a n:b" && typeof wrong === "function";
process.stdout.write(`${works}\n`);
