import { H3 } from "h3";
import { createSojourn } from "sojourn";
import { h3Sessions, type WithSession } from "sojourn/adapters/h3";
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

const app = new H3();
app.use(h3Sessions(sessions, { eager: true }));
app.get("/", (event) => {
  const { data } = (event as WithSession<typeof event, Visitor>).context.session;
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  return `views: ${wrong}`;
});

await check((init) => app.request("/", init));
