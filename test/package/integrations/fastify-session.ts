import cookie from "@fastify/cookie";
import session from "@fastify/session";
import fastify from "fastify";
import { fastifySessionSource, fastifySessionStore } from "sojourn/integrations/fastify-session";
import { cache } from "./cache.js";

const secret = "a secret with a length of 32 or more";
const app = fastify();
await app.register(cookie);
await app.register(session, { secret, store: fastifySessionStore(cache), cookie: { secure: false } });
app.get("/", async (request) => {
  const data: { views?: number } = request.session as object;
  data.views = (data.views ?? 0) + 1;
  return String(data.views);
});
const first = await app.inject("/");
const cookies = Object.fromEntries(first.cookies.map(({ name, value }) => [name, value]));
const second = await app.inject({ url: "/", cookies });
const works = second.body === "2" && typeof fastifySessionSource({ secret }) === "function";
process.stdout.write(`${works}\n`);
await app.close();
