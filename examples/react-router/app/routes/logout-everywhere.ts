import { redirect } from "react-router";
import type { ReactRouterArgs } from "sojourn/adapters/react-router";
import { sessions } from "../sessions.server.ts";

export async function action({ context }: ReactRouterArgs) {
  const session = await sessions.from(context);
  if (session.userId !== undefined) await sessions.revokeUser(session.userId);
  await session.logout(); // this one has ended too; this clears its cookie
  return redirect("/", 303);
}
