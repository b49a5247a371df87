import type { ServerResponse } from "node:http";
import type { Connection, ResponseProtocol } from "./response-protocol.ts";

/**
 * Protects the connection of a response that has ended, and waits for its session, from being
 * destroyed.
 *
 * Without a session, the bytes of a response are out when `end` returns, so destroying its
 * connection afterwards does no harm: `server.close()` does so to idle connections, and Express for
 * an error thrown after the answer. Here the connection is destroyed once the bytes are out.
 */
export class KeptConnection {
  readonly #response: ServerResponse;
  readonly #connection: Connection;
  #wanted: { readonly error: Error | undefined } | undefined;

  constructor(response: ServerResponse, connection: Connection, protocol: ResponseProtocol) {
    this.#response = response;
    this.#connection = connection;
    connection.destroy = (error?: Error) => {
      if (protocol.isBroken(connection, error)) {
        this.#uncover();
        return connection.destroy(error);
      }
      this.destroyLater(error);
      return connection;
    };
  }

  destroyLater(error: Error | undefined): void {
    this.#wanted ??= { error };
  }

  /** The response goes out now. */
  release(): void {
    this.#uncover();
    const wanted = this.#wanted;
    if (wanted === undefined) return;
    const destroy = (): void => void this.#connection.destroy(wanted.error);
    if (this.#response.writableFinished) destroy();
    else this.#response.once("finish", destroy);
  }

  #uncover(): void {
    delete (this.#connection as { destroy?: unknown }).destroy;
  }
}
