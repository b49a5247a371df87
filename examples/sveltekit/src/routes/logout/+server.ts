import { redirect, type RequestEvent } from "@sveltejs/kit";
import { sessions } from "$lib/server/sessions.ts";

export async function POST(event: RequestEvent) {
  const session = await sessions.from(event);
  await session.logout();
  redirect(303, "/");
}
