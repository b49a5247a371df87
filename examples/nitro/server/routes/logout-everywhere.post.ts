import { sessions } from "../sessions.ts";

export default defineEventHandler(async (event) => {
  const session = await sessions.from(event);
  if (session.userId !== undefined) await sessions.revokeUser(session.userId);
  await session.logout(); // this one has ended too; this clears its cookie
  return sendRedirect(event, "/", 303);
});
