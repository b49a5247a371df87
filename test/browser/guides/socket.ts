import type { IncomingMessage } from "node:http";
import type { Session, Sessions } from "sojourn";

/** The members of a socket that this uses: those of the package `ws` have them. */
export interface Socket {
  send(text: string): void;
  close(code: number, reason: string): void;
  on(event: "message" | "close", listener: (message: unknown) => void): unknown;
}

interface WithCount {
  messages?: number;
}

const CHECK_EVERY_MS = 30_000;
// 4000 to 4999 are the application's own (RFC 6455 section 7.4.2).
const LOGGED_OUT = 4401;

export class Sockets<Data extends WithCount> {
  readonly #sessions: Sessions<Data>;
  readonly #open = new Map<Socket, Session<Data>>();

  constructor(sessions: Sessions<Data>) {
    this.#sessions = sessions;
    // A session that ends here ends its sockets at once; other processes find out by themselves.
    sessions.on("flushed", ({ session }) => this.#closeAll([session]));
    sessions.on("revoked", ({ sessions: ended }) => this.#closeAll(ended));
  }

  async serve(socket: Socket, request: IncomingMessage): Promise<void> {
    const opening = this.#sessions.open(request.headers.cookie);
    socket.on("message", () => void this.#count(socket, opening)); // at once: one may come before the session is there
    const session = await opening.catch(() => undefined);
    if (session?.isAuthenticated !== true) return socket.close(LOGGED_OUT, "Log in first.");
    this.#open.set(socket, session);
    const timer = setInterval(() => void this.check(socket), CHECK_EVERY_MS);
    socket.on("close", () => {
      clearInterval(timer);
      this.#open.delete(socket);
    });
  }

  /**
   * Keeps the session alive, and closes the socket of one that is over. While the store is away, the socket
   * stays.
   */
  async check(socket: Socket): Promise<void> {
    const isAlive = await this.#open
      .get(socket)
      ?.touch()
      .catch(() => true);
    if (isAlive === false) socket.close(LOGGED_OUT, "You are logged out.");
  }

  async #count(socket: Socket, opening: Promise<Session<Data>>): Promise<void> {
    try {
      const session = await opening;
      if (!session.isAuthenticated) return;
      const count = await session.update((data) => (data.messages = (data.messages ?? 0) + 1));
      socket.send(`${count} messages`);
    } catch {
      await this.check(socket); // a session that is over is not written to: SessionInterrupted
    }
  }

  #closeAll(eventNames: readonly string[]): void {
    for (const [socket, { eventName }] of this.#open)
      if (eventName !== undefined && eventNames.includes(eventName))
        socket.close(LOGGED_OUT, "You are logged out.");
  }
}
