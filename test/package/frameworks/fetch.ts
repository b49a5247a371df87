import { createSojourn } from "sojourn";
import { fetchSessions } from "sojourn/adapters/fetch";
import { memorySessionStore } from "sojourn/stores/memory";
import { check } from "./check.js";

const { sessions } = createSojourn<{ views?: number }>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const handle = fetchSessions(sessions, async (request) => {
  const { data } = await sessions.from(request);
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  return new Response(`views: ${wrong}`);
});

await check((init) => handle(new Request("http://localhost/", init)));
