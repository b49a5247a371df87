import fastify from "fastify";
import type { AddressInfo } from "node:net";
import { createSojourn, type Session } from "sojourn";
import { fastifySessions } from "sojourn/adapters/fastify";
import { memorySessionStore } from "sojourn/stores/memory";
import { checkPort } from "./check.js";

interface Visitor {
  views?: number;
}

const { sessions } = createSojourn<Visitor>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const app = fastify();
await app.register(fastifySessions(sessions, { eager: true }));
app.get("/", async (request) => {
  const { data } = request.getDecorator<Session<Visitor>>("session");
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  return `views: ${wrong}`;
});

await app.listen({ port: 0 });
await checkPort((app.server.address() as AddressInfo).port);
