import type { Clock, Milliseconds } from "../../core/clock.ts";
import { CacheLoadTimeoutError } from "../../core/errors.ts";
import { settleWithin } from "../../core/timers.ts";
import type { CacheMonitor } from "../monitor/cache-monitor.ts";
import { type Timeout, toTtl } from "../options/timeouts.ts";
import type { LoadContext, LoadPlan } from "./load-options.ts";

/** Value of a loader, and the settings it has made. */
export interface LoaderResult {
  readonly value: unknown;
  readonly took: Milliseconds;
  /** Timeout set by the loader in place of the call's. */
  readonly ttl: Milliseconds | null | undefined;
  readonly isSkipped: boolean;
}

/** Distinguishes a failure of the loader, which callers may be spared, from one of the store. */
export class LoaderFailure extends Error {}

/** Arguments of {@link runLoader}. */
export interface LoaderRun {
  readonly key: string;
  readonly stale: unknown;
  readonly plan: LoadPlan;
  readonly clock: Clock;
  readonly monitor: CacheMonitor;
}

/**
 * Runs a loader, up to its hard timeout.
 *
 * @throws {LoaderFailure} With the loader's error, or the timeout, as its cause.
 */
export async function runLoader(
  load: (context: LoadContext) => unknown,
  { key, stale, plan, clock, monitor }: LoaderRun,
): Promise<LoaderResult> {
  const begin = clock.monotonic();
  const abort = new AbortController();
  let ttl: Milliseconds | null | undefined;
  let isSkipped = false;
  const context: LoadContext = {
    key,
    stale,
    signal: abort.signal,
    setTimeout: (timeout: Timeout) => void (ttl = toTtl(timeout)),
    skip: () => void (isSkipped = true),
  };
  try {
    const value = await withinHardTimeout(async () => load(context), plan.rules.hardTimeout, abort, key);
    const took = clock.monotonic() - begin;
    monitor.load(key, took);
    return { value, took, ttl, isSkipped };
  } catch (cause) {
    monitor.emit("loadFailed", { key, error: cause });
    throw new LoaderFailure("the loader has failed", { cause });
  }
}

async function withinHardTimeout(
  task: () => Promise<unknown>,
  hardTimeout: Milliseconds | undefined,
  abort: AbortController,
  key: string,
): Promise<unknown> {
  if (hardTimeout === undefined) return task();
  return settleWithin(task(), hardTimeout, (_, reject) => {
    const error = new CacheLoadTimeoutError(key, hardTimeout);
    reject(error);
    abort.abort(error);
  });
}
