import { readCredentials } from "../../../shared/forms.ts";
import { authenticate } from "../../../shared/users.ts";
import { loginPage } from "../../../shared/views/pages.ts";
import { sessions } from "../sessions.ts";

export default defineEventHandler(async (event) => {
  const { login, password } = readCredentials((await readBody(event)) ?? {});
  const user = await authenticate(login, password);
  const session = await sessions.from(event);
  if (user === undefined) {
    setResponseStatus(event, 422);
    return loginPage(session, { failedLogin: login });
  }
  await session.login(user.id); // a new key for the same cart; the old key becomes invalid
  return sendRedirect(event, "/account", 303);
});
