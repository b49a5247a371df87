import { nitroSessions } from "sojourn/adapters/nitro";
import { sessions } from "../sessions.ts";

export default defineNitroPlugin(nitroSessions(sessions, { crossSite: "refuse" }));
