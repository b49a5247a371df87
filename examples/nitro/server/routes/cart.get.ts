import { cartPage } from "../../../shared/views/pages.ts";
import { sessions } from "../sessions.ts";

export default defineEventHandler(async (event) => cartPage(await sessions.from(event)));
