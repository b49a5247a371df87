import { handler } from "../../handler.js";

export const dynamic = "force-dynamic";

export const GET = await handler();
