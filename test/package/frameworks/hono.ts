import { Hono } from "hono";
import { createSojourn } from "sojourn";
import { honoSessions, type SessionVariables } from "sojourn/adapters/hono";
import { memorySessionStore } from "sojourn/stores/memory";
import { check } from "./check.js";

interface Visitor {
  views?: number;
}

const { sessions } = createSojourn<Visitor>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const app = new Hono<{ Variables: SessionVariables<Visitor> }>();
app.use(honoSessions(sessions, { eager: true }));
app.get("/", (c) => {
  const { data } = c.get("session");
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  return c.text(`views: ${wrong}`);
});

await check((init) => app.request("/", init));
