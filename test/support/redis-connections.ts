import { expect, onTestFinished } from "vitest";

import { Deadline } from "../../src/core/deadlines.ts";
import { RedisConnectionError, RedisServiceError } from "../../src/core/errors.ts";
import type { RedisConnection } from "../../src/redis/connection.ts";
import { RedisRegistry } from "../../src/redis/registry.ts";
import type { RedisConnectionSettings } from "../../src/redis/settings.ts";
import { RedisServer, type RedisServerOptions } from "./redis-server.ts";

/** A server that is stopped when the running test ends. */
export async function serverForTest(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  onTestFinished(() => server.stop());
  return server;
}

/** A connection that is closed when the running test ends. */
export function connectionForTest(settings: RedisConnectionSettings): RedisConnection {
  const registry = new RedisRegistry({ default: settings });
  onTestFinished(() => registry.close());
  return registry.get();
}

/** A deadline in milliseconds; without them, one that no test reaches. */
export function within(milliseconds = 20_000): Deadline {
  return new Deadline(milliseconds);
}

/** The error that an operation fails with. */
export async function errorOf(operation: Promise<unknown>): Promise<unknown> {
  return operation.then(
    (result) => {
      throw new Error(`It did not fail, but gave ${String(result)}.`);
    },
    (error: unknown) => error,
  );
}

/** Checks that an operation fails for want of a connection or an answer. */
export async function expectConnectionError(
  operation: Promise<unknown>,
  outcome: "not-sent" | "unknown",
): Promise<RedisConnectionError> {
  const error = await errorOf(operation);
  expect(error).toBeInstanceOf(RedisConnectionError);
  expect(error).toMatchObject({ code: "ERR_STORE_CONNECTION", outcome });
  return error as RedisConnectionError;
}

/** Checks that an operation fails by an error reply. */
export async function expectServiceError(
  operation: Promise<unknown>,
  outcome: "not-sent" | "unknown",
): Promise<RedisServiceError> {
  const error = await errorOf(operation);
  expect(error).toBeInstanceOf(RedisServiceError);
  expect(error).toMatchObject({ code: "ERR_STORE_SERVICE", outcome });
  return error as RedisServiceError;
}

/**
 * Time by which a promised deadline may be exceeded, in milliseconds: the sweep's tick, and a busy
 * machine.
 */
export const MARGIN = 250;

/** How long an operation takes to settle, in milliseconds. */
export async function timeOf(operation: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await operation.then(
    () => {},
    () => {},
  );
  return performance.now() - start;
}
