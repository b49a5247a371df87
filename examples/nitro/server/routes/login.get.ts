import { loginPage } from "../../../shared/views/pages.ts";
import { sessions } from "../sessions.ts";

export default defineEventHandler(async (event) => loginPage(await sessions.from(event)));
