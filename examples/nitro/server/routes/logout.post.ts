import { sessions } from "../sessions.ts";

export default defineEventHandler(async (event) => {
  const session = await sessions.from(event);
  await session.logout();
  return sendRedirect(event, "/", 303);
});
