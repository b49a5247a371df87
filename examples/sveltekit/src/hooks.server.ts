import { sveltekitSessions } from "sojourn/adapters/sveltekit";
import { explain } from "../../shared/errors.ts";
import { sessions } from "$lib/server/sessions.ts";

export const handle = sveltekitSessions(sessions, { crossSite: "refuse" });

export function handleError({ error, status }: { error: unknown; status: number }) {
  const failure = explain(status === 404 ? { statusCode: 404 } : error);
  if (failure.status >= 500) console.error(error);
  return { message: failure.text, title: failure.title };
}
