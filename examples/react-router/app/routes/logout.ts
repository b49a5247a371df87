import { redirect } from "react-router";
import type { ReactRouterArgs } from "sojourn/adapters/react-router";
import { sessions } from "../sessions.server.ts";

export async function action({ context }: ReactRouterArgs) {
  const session = await sessions.from(context);
  await session.logout();
  return redirect("/", 303);
}
