import { redirect, type RequestEvent } from "@sveltejs/kit";
import { sessions } from "$lib/server/sessions.ts";

export async function POST(event: RequestEvent) {
  const session = await sessions.from(event);
  if (session.userId !== undefined) await sessions.revokeUser(session.userId);
  await session.logout(); // this one has ended too; this clears its cookie
  redirect(303, "/");
}
