import { withSession } from "../../../lib/sessions.ts";
export const GET = withSession(async (_request, session) => Response.json(session.data.cart ?? {}));
