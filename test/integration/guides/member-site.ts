import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { createSojourn, type Session, type Sessions } from "sojourn";
import { nodeSessions } from "sojourn/adapters/node";

interface WithCount {
  messages?: number;
}

/** A site with pages for members, whose sockets a guide mounts, and another process of it. */
export interface MemberSite {
  readonly port: number;
  readonly server: Server;
  readonly sessions: Sessions<WithCount>;
  readonly elsewhere: Sessions<WithCount>;
  /** Sends a request of a browser. @returns Its cookie afterwards; empty if it has none. */
  visit(path: keyof typeof PAGES, cookie?: string): Promise<string>;
}

const PAGES = {
  "/login": (session: Session<WithCount>) => session.login(7),
  "/cycle": (session: Session<WithCount>) => session.cycleKey(),
  "/logout": (session: Session<WithCount>) => session.logout(),
};

/** Opens the site. A client that says so in its headers comes from `https://shop.example`. */
export async function openSite(redisUrl: string): Promise<MemberSite> {
  const [sessions, elsewhere] = [open(redisUrl), open(redisUrl)];
  const server = createServer(
    nodeSessions(sessions, async (request, response) => {
      const page = PAGES[request.url as keyof typeof PAGES];
      await page(await sessions.from(request));
      response.end();
    }),
  );
  server.listen(0);
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const visit: MemberSite["visit"] = async (path, cookie) => {
    const headers = cookie === undefined ? {} : { cookie };
    const response = await fetch(`http://localhost:${port}${path}`, { headers });
    const [set] = response.headers.getSetCookie();
    const value = set === undefined ? cookie : set.split(";")[0];
    return value === undefined || value.endsWith("=") ? "" : value;
  };
  return { port, server, sessions, elsewhere, visit };
}

function open(redisUrl: string): Sessions<WithCount> {
  const { sessions, close } = createSojourn<WithCount>({
    projectName: "shop",
    secretKey: "the secret of the integration tests",
    redis: { default: redisUrl },
    sessions: { deadline: "10s", cookie: { secure: false } },
  });
  onTestFinished(close);
  return sessions;
}
