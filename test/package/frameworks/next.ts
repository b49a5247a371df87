import type { NextRequest } from "next/server.js";
import { createSojourn } from "sojourn";
import { nextSessions } from "sojourn/adapters/next";
import { memorySessionStore } from "sojourn/stores/memory";

const { sessions } = createSojourn<{ views?: number }>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const { getSession, withSession, sessionAction, refreshSession } = nextSessions(sessions);

export async function page(): Promise<string> {
  const { data } = await getSession();
  // @ts-expect-error Components read alone.
  data.views = 1;
  return `views: ${data.views}`;
}

export const GET = withSession(async (_request: NextRequest, { data }) => {
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  return new Response(`views: ${wrong}`);
});

export const logIn = sessionAction(async (session, name: string) => session.login(name));

export const proxy = (request: NextRequest) => refreshSession(request);
