import { productsPage } from "../../../shared/views/pages.ts";
import { sessions } from "../sessions.ts";

export default defineEventHandler(async (event) => productsPage(await sessions.from(event)));
