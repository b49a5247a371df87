import { type NextRequest, NextResponse } from "next/server";
import { getSession, refreshSession } from "./sessions.ts";

/** Extends the session and its cookie, which no page can do, and leads strangers to the login. */
export async function proxy(request: NextRequest): Promise<Response> {
  if (request.nextUrl.pathname !== "/account" || (await getSession()).isAuthenticated)
    return refreshSession(request);
  return refreshSession(request, NextResponse.redirect(new URL("/login", request.url)));
}

export const config = {
  matcher: [
    {
      source: "/((?!_next/|about|icon.svg|conformance).*)",
      // Links that are prefetched are no activity of the visitor.
      missing: [
        { type: "header", key: "next-router-prefetch" },
        { type: "header", key: "purpose", value: "prefetch" },
      ],
    },
  ],
};
