import type { Handle, RequestEvent } from "@sveltejs/kit";
import { createSojourn } from "sojourn";
import { sveltekitSessions } from "sojourn/adapters/sveltekit";
import { memorySessionStore } from "sojourn/stores/memory";
import { check } from "./check.js";

const { sessions } = createSojourn<{ views?: number }>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const handle: Handle = sveltekitSessions(sessions);

async function page(event: RequestEvent): Promise<Response> {
  const { data } = await sessions.from(event);
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  return new Response(`views: ${wrong}`);
}

// SvelteKit calls hooks in its built server alone, which the example has.
await check((init) => {
  const request = new Request("http://localhost/", init);
  const event = { request, url: new URL(request.url), locals: {}, isSubRequest: false } as RequestEvent;
  return handle({ event, resolve: page });
});
