import { type KeyValueCache, PrefixingKeyValueCache } from "@apollo/utils.keyvaluecache";
import { apolloCache } from "sojourn/integrations/apollo";
import { cache } from "./cache.js";

const values: KeyValueCache = apolloCache(cache);
const prefixed = new PrefixingKeyValueCache(values, "apq:");
await prefixed.set("a", "query", { ttl: 60 });
// @ts-expect-error The option is called prefix.
const wrong = () => apolloCache(cache, { keyPrefix: "a" });
const works = (await prefixed.get("a")) === "query" && typeof wrong === "function";
process.stdout.write(`${works}\n`);
