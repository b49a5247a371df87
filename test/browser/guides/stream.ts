import type { Express } from "express";
import type { Sessions } from "sojourn";

/** Server-sent events for whoever is logged in, until that ends. */
export function mountStream<Data extends object>(
  app: Express,
  sessions: Sessions<Data>,
  eventsFor: (userId: string) => AsyncIterable<string>,
): void {
  app.get("/stream", async (req, res) => {
    const session = await sessions.from(req);
    if (session.userId === undefined) {
      res.sendStatus(401);
      return;
    }
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" }).flushHeaders();
    for await (const event of eventsFor(session.userId)) {
      if (!(await session.touch())) break; // logged out, revoked or expired
      res.write(`data: ${event}\n\n`);
    }
    res.end("event: end\ndata: -\n\n");
  });
}
