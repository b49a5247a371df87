import { envelop } from "@envelop/core";
import { useResponseCache } from "@envelop/response-cache";
import { graphqlResponseCache } from "sojourn/integrations/graphql-response-cache";
import { cache } from "./cache.js";

const responses = graphqlResponseCache(cache);
const enveloped = envelop({ plugins: [useResponseCache({ session: () => null, cache: responses })] });
await responses.set("a", { data: { a: 1 } }, [{ typename: "User", id: 1 }], 60_000);
// @ts-expect-error The option is called prefix.
const wrong = () => graphqlResponseCache(cache, { keyPrefix: "a" });
const works = (await responses.get("a")) !== undefined && typeof enveloped === typeof wrong;
process.stdout.write(`${works}\n`);
