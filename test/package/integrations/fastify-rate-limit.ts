import rateLimit from "@fastify/rate-limit";
import fastify from "fastify";
import { fastifyRateLimitStore } from "sojourn/integrations/fastify-rate-limit";
import { cache } from "./cache.js";

// @ts-expect-error The option is called prefix.
const wrong = () => fastifyRateLimitStore(cache, { nameSpace: "a" });

const app = fastify();
await app.register(rateLimit, { max: 1, store: fastifyRateLimitStore(cache) });
app.get("/", () => "served");
const codes = [(await app.inject("/")).statusCode, (await app.inject("/")).statusCode];
const works = codes.join() === "200,429" && typeof wrong === "function";
process.stdout.write(`${works}\n`);
