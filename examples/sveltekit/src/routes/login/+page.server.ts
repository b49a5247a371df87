import { fail, redirect, type RequestEvent } from "@sveltejs/kit";
import { readCredentials } from "../../../../shared/forms.ts";
import { authenticate, users } from "../../../../shared/users.ts";
import { sessions, visitorOf } from "$lib/server/sessions.ts";

export async function load(event: RequestEvent) {
  const people = users.map(({ login, demoPassword }) => ({ login, demoPassword }));
  return { title: "Log in", people, visitor: visitorOf(await sessions.from(event)) };
}

export const actions = {
  async default(event: RequestEvent) {
    const { login, password } = readCredentials(Object.fromEntries(await event.request.formData()));
    const user = await authenticate(login, password);
    if (user === undefined) return fail(422, { failedLogin: login });
    const session = await sessions.from(event);
    await session.login(user.id); // a new key for the same cart; the old key becomes invalid
    redirect(303, "/account");
  },
};
