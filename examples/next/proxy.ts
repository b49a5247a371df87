import type { NextRequest } from "next/server";
import { refreshSession } from "./lib/sessions.ts";
export const proxy = (request: NextRequest) => refreshSession(request);
export const config = { matcher: "/((?!_next/|conformance/).*)" };
