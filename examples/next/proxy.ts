import type { NextRequest } from "next/server";
import { refreshSession } from "./sessions.ts";

/** Extends the session and its cookie, which no page can do. */
export const proxy = (request: NextRequest): Promise<Response> => refreshSession(request);

export const config = {
  matcher: [
    {
      source: "/((?!_next/|conformance/).*)",
      // Links that are prefetched are no activity of the visitor.
      missing: [
        { type: "header", key: "next-router-prefetch" },
        { type: "header", key: "purpose", value: "prefetch" },
      ],
    },
  ],
};
