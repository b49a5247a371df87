import { type IncomingMessage, type Server, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Session, SessionEndReason, Sessions } from "sojourn";
import { type WebSocket, WebSocketServer } from "ws";

export interface WithCount {
  messages?: number;
}

/** Codes of our own: 4000 to 4999 are free (RFC 6455 section 7.4.2). */
export const LOGGED_OUT = 4401;
export const CONNECT_AGAIN = 4409;

/** Less than half of the shortest time that a session lives without a request. */
const EXTEND_EVERY_MS = 60_000;

/**
 * WebSockets of members, beside the pages of an HTTP server.
 *
 * @param origins Sites whose pages may connect, such as `https://shop.example`.
 */
export function mountSockets<Data extends WithCount>(
  server: Server,
  sessions: Sessions<Data>,
  origins: readonly string[],
): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024 });
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on("error", () => stream.destroy());
    void admit(request).then((admitted) => {
      if (typeof admitted === "number") return refuse(stream, admitted);
      sockets.handleUpgrade(request, stream, head, (socket) => serve(socket, admitted));
    });
  });
  return sockets;

  /** @returns The member's session, or the status of a refusal. */
  async function admit({ headers }: IncomingMessage): Promise<Session<Data> | number> {
    if (!origins.includes(headers.origin ?? "")) return 403;
    try {
      const session = await sessions.open(headers.cookie);
      return session.isAuthenticated ? session : 401;
    } catch {
      return 503; // the store is away
    }
  }
}

function refuse(stream: Duplex, status: number): void {
  stream.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function serve<Data extends WithCount>(socket: WebSocket, session: Session<Data>): void {
  session.onEnded((reason) => end(socket, reason));
  const timer = setInterval(() => void session.touch().catch(() => {}), EXTEND_EVERY_MS);
  socket.on("message", (message) => void answer(socket, session, (message as Buffer).toString()));
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    clearInterval(timer);
    void session.close();
  });
}

async function answer<Data extends WithCount>(
  socket: WebSocket,
  session: Session<Data>,
  message: string,
): Promise<void> {
  try {
    if (!(await session.reload())) return end(socket, "gone"); // before onEnded has told it
    const count = await session.update((data) => (data.messages = (data.messages ?? 0) + 1));
    socket.send(`${session.userId}: ${message} (${count})`);
  } catch {
    socket.send("error: try again");
  }
}

/** A page that has got another key by a login connects again, with its newest cookie. */
function end(socket: WebSocket, reason: SessionEndReason): void {
  const hasNewKey = reason === "login" || reason === "cycled";
  socket.close(hasNewKey ? CONNECT_AGAIN : LOGGED_OUT, reason);
}
