import { devicesOf } from "../../../shared/devices.ts";
import { accountPage } from "../../../shared/views/pages.ts";
import { sessions } from "../sessions.ts";

export default defineEventHandler(async (event) => {
  const session = await sessions.from(event);
  return accountPage(session, await devicesOf(session, sessions));
});
