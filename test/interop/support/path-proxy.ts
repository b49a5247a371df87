import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Which paths go where. */
export interface ProxyRoutes {
  /** The name of the upstream. @throws {Error} When no location has the path. */
  upstreamOf(path: string): string;
}

/**
 * Reads the locations of a configuration of nginx, by its rules: `=` wins, then the longest prefix. nginx
 * itself is not needed, and does not run.
 *
 * @throws {Error} For braces that do not match, lines of another form, and an upstream that is not defined.
 */
export function readNginxRoutes(text: string): ProxyRoutes {
  const lines = text.split("\n").map((line) => line.trim());
  const wrong = lines.find((line) => !/^$|^[^{}]*[;{]$|^[^{}]*\{[^{}]*;\s*\}$|^\}$/.test(line));
  if (wrong !== undefined) throw new Error(`This is no line of nginx: ${wrong}`);
  if (text.split("{").length !== text.split("}").length) throw new Error("The braces do not match.");
  const upstreams = new Set(
    [...text.matchAll(/^upstream (\w+) \{ server [\d.:]+; \}$/gm)].map((match) => match[1]),
  );
  const locations = [...text.matchAll(/location (= )?(\/\S*) \{ proxy_pass http:\/\/(\w+); \}/g)].map(
    ([, exact, path = "", upstream = ""]) => ({ isExact: exact !== undefined, path, upstream }),
  );
  const unknown = locations.find(({ upstream }) => !upstreams.has(upstream));
  if (unknown !== undefined) throw new Error(`There is no upstream ${unknown.upstream}.`);
  const byRank = locations.toSorted(
    (a, b) => Number(b.isExact) - Number(a.isExact) || b.path.length - a.path.length,
  );
  return {
    upstreamOf(path) {
      const found = byRank.find((each) => (each.isExact ? path === each.path : path.startsWith(each.path)));
      if (found === undefined) throw new Error(`No location has ${path}.`);
      return found.upstream;
    },
  };
}

/** An HTTP server that sends each request on by its path, with the headers that the guide's nginx adds. */
export class PathProxy {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param upstreams Where the names of the routes are. */
  static async start(routes: ProxyRoutes, upstreams: Readonly<Record<string, string>>): Promise<PathProxy> {
    const server = createServer((incoming, outgoing) => {
      const { pathname } = new URL(incoming.url ?? "/", "http://proxy");
      sendOn(incoming, outgoing, upstreams[routes.upstreamOf(pathname)] ?? "");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new PathProxy(server);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function sendOn(incoming: IncomingMessage, outgoing: ServerResponse, upstream: string): void {
  const { method, headers, url = "/", socket } = incoming;
  const forwarded = { "x-forwarded-for": socket.remoteAddress ?? "", "x-forwarded-proto": "http" };
  const onward = request(`${upstream}${url}`, { method, headers: { ...headers, ...forwarded } }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}
