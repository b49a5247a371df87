import { aboutPage } from "../../../shared/views/pages.ts";

export default defineEventHandler(() => aboutPage());
