import type { Server as HttpServer } from "node:http";
import { type DefaultEventsMap, Server } from "socket.io";
import type { Session, SessionEndReason, Sessions } from "sojourn";

export interface WithCount {
  messages?: number;
}

/** Events from the page. */
interface FromPage {
  chat(text: string, answer: (text: string) => void): void;
}

/** Events to the page. */
interface ToPage {
  ended(reason: SessionEndReason): void;
}

interface SocketData<Data extends object> {
  session: Session<Data>;
}

/** Less than half of the shortest time that a session lives without a request. */
const EXTEND_EVERY_MS = 60_000;

/**
 * Sockets of members.
 *
 * @param origins Sites whose pages may connect, such as `https://shop.example`.
 */
export function mountSocketIo<Data extends WithCount>(
  server: HttpServer,
  sessions: Sessions<Data>,
  origins: readonly string[],
): Server<FromPage, ToPage, DefaultEventsMap, SocketData<Data>> {
  const io = new Server<FromPage, ToPage, DefaultEventsMap, SocketData<Data>>(server, {
    transports: ["websocket"],
    allowRequest: ({ headers }, decide) => decide(null, origins.includes(headers.origin ?? "")),
  });

  io.use((socket, next) => {
    sessions.open(socket.request.headers.cookie).then(
      (session) => {
        socket.data.session = session;
        next(session.isAuthenticated ? undefined : new Error("log in first"));
      },
      () => next(new Error("try again")), // the store is away
    );
  });

  io.on("connection", (socket) => {
    const { session } = socket.data;
    const end = (reason: SessionEndReason): void => {
      socket.emit("ended", reason);
      socket.disconnect(true);
    };
    session.onEnded(end);
    const timer = setInterval(() => void session.touch().catch(() => {}), EXTEND_EVERY_MS);
    socket.on("disconnect", () => {
      clearInterval(timer);
      void session.close();
    });

    // Before each event: the newest data, and no event of a session that has ended.
    socket.use((_event, next) => {
      session.reload().then(
        (exists) => (exists ? next() : end("gone")),
        () => next(new Error("try again")),
      );
    });
    socket.on("error", () => {}); // of the line above: the page's call times out

    socket.on("chat", async (text, answer) => {
      try {
        const count = await session.update((data) => (data.messages = (data.messages ?? 0) + 1));
        answer(`${session.userId}: ${text} (${count})`);
      } catch {
        answer("error: try again");
      }
    });
  });
  return io;
}
