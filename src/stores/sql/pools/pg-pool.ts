import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";

import { currentCall } from "./current-call.ts";
import type { ConnectionHealth, PoolHealth } from "./pool-health.ts";

/** The used part of a client of `pg`. */
export interface PgClient {
  // oxlint-disable-next-line typescript/no-explicit-any -- the overloads of `pg` take cursors, too
  query(...args: any[]): any;
  /** @param destroy Whether it is closed and leaves the pool. */
  release(destroy?: boolean): void;
}

/** The used part of a pool of `pg`. */
export interface PgPool {
  connect(): Promise<PgClient>;
  end(): Promise<void>;
}

/** A pool of `pg` for Kysely's dialect that discards stalled or misdirected connections. */
export class WatchedPgPool implements PostgresPool {
  readonly #pool: PgPool;
  readonly #health: PoolHealth;
  /** Kysely recognises a connection by its client. */
  readonly #clients = new WeakMap<PgClient, WatchedPgClient>();

  constructor(pool: PgPool, health: PoolHealth) {
    this.#pool = pool;
    this.#health = health;
  }

  /** Each iteration removes an untrusted connection, so it ends with a new one at the latest. */
  async connect(): Promise<PostgresPoolClient> {
    const call = currentCall();
    if (call !== undefined) call.isWatched = true;
    for (;;) {
      const client = this.#watched(await this.#pool.connect());
      if (client.acquire()) return client;
    }
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  #watched(client: PgClient): WatchedPgClient {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    const watched = new WatchedPgClient(client, this.#health);
    this.#clients.set(client, watched);
    return watched;
  }
}

class WatchedPgClient implements PostgresPoolClient {
  readonly #client: PgClient;
  readonly #health: ConnectionHealth;
  #isReleased = true;

  constructor(client: PgClient, health: PoolHealth) {
    this.#client = client;
    this.#health = health.watch({ destroy: () => this.#giveBack(true) });
  }

  acquire(): boolean {
    this.#isReleased = false;
    return this.#health.check();
  }

  /** A cursor, which no session uses, is passed on as it is. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as Kysely declares it, both overloads at once
  query(statement: any, parameters?: readonly unknown[]): any {
    if (typeof statement !== "string") return this.#client.query(statement);
    return new Promise<PostgresQueryResult<unknown>>((resolve, reject) => {
      this.#health.run<PostgresQueryResult<unknown>>(
        (done) => {
          const result = this.#client.query(statement, parameters) as Promise<PostgresQueryResult<unknown>>;
          result.then(
            (answer) => done(undefined, answer),
            (error: unknown) => done(error),
          );
        },
        (error, answer) => (answer === undefined ? reject(asError(error)) : resolve(answer)),
      );
    });
  }

  release(): void {
    if (this.#health.check()) this.#giveBack(false);
  }

  /** `pg` throws when a client is released twice. */
  #giveBack(isDestroyed: boolean): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#client.release(isDestroyed);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
