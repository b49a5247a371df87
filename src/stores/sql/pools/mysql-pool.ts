import type { MysqlPool, MysqlPoolConnection, MysqlQueryResult } from "kysely";

import { currentCall } from "./current-call.ts";
import type { ConnectionHealth, PoolHealth } from "./pool-health.ts";

/** The used part of a connection of `mysql2`. */
export interface Mysql2Connection {
  // oxlint-disable-next-line typescript/no-explicit-any -- the overloads of `mysql2`
  query(...args: any[]): any;
  release(): void;
  /** Closes it; it leaves the pool. */
  destroy(): void;
}

/** The used part of a pool of `mysql2` with callbacks. */
export interface Mysql2Pool {
  // oxlint-disable-next-line typescript/no-explicit-any -- so that the pool's own, narrower callbacks fit
  getConnection(callback: (error: any, connection: any) => void): void;
  // oxlint-disable-next-line typescript/no-explicit-any -- the same
  end(callback: (error: any) => void): void;
}

/**
 * A pool of `mysql2` for Kysely's dialect, which discards connections that have stalled or lead to
 * the wrong server.
 */
export class WatchedMysqlPool implements MysqlPool {
  readonly #pool: Mysql2Pool;
  readonly #health: PoolHealth;
  /** Kysely recognises a connection by its object. */
  readonly #connections = new WeakMap<Mysql2Connection, WatchedMysqlConnection>();

  constructor(pool: Mysql2Pool, health: PoolHealth) {
    this.#pool = pool;
    this.#health = health;
  }

  getConnection(callback: (error: unknown, connection: MysqlPoolConnection) => void): void {
    const call = currentCall();
    if (call !== undefined) call.isWatched = true;
    this.#take(callback);
  }

  end(callback: (error: unknown) => void): void {
    this.#pool.end(callback);
  }

  /** Each iteration removes an untrusted connection, so it ends with a new one at the latest. */
  #take(callback: (error: unknown, connection: MysqlPoolConnection) => void): void {
    this.#pool.getConnection((error: unknown, connection: Mysql2Connection) => {
      if (error) return callback(error, connection);
      const watched = this.#watched(connection);
      if (watched.acquire()) callback(undefined, watched);
      else this.#take(callback);
    });
  }

  #watched(connection: Mysql2Connection): WatchedMysqlConnection {
    const known = this.#connections.get(connection);
    if (known !== undefined) return known;
    const watched = new WatchedMysqlConnection(connection, this.#health);
    this.#connections.set(connection, watched);
    return watched;
  }
}

class WatchedMysqlConnection implements MysqlPoolConnection {
  readonly #connection: Mysql2Connection;
  readonly #health: ConnectionHealth;

  constructor(connection: Mysql2Connection, health: PoolHealth) {
    this.#connection = connection;
    this.#health = health.watch({ destroy: () => destroyConnection(connection) });
  }

  acquire(): boolean {
    return this.#health.check();
  }

  /** A stream, which no session uses, is passed on as it is. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as Kysely declares it, both overloads at once
  query(statement: string, parameters: unknown[], callback?: (error: unknown, result: any) => void): any {
    if (callback === undefined) return this.#connection.query(statement, parameters);
    this.#health.run<MysqlQueryResult>(
      (done) => void this.#connection.query(statement, parameters, done),
      callback,
    );
  }

  release(): void {
    if (this.#health.check()) this.#connection.release();
  }
}

/** `destroy` of mysql2 (3.24) says goodbye and waits for an answer, in vain if it is silent. */
function destroyConnection(connection: Mysql2Connection): void {
  connection.destroy();
  const { stream } = connection as { stream?: { destroy?: () => void } };
  stream?.destroy?.();
}
