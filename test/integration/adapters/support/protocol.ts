import { test, type TestAPI } from "vitest";
import { runtime } from "../../../support/runtime.ts";

/** The versions of HTTP over which the adapters are tested. */
export type Protocol = "HTTP/1.0" | "HTTP/1.1" | "HTTP/2";

// Suites are loaded once a file, after it has said what it speaks.
// oxlint-disable import/no-mutable-exports
/**
 * HTTP version of the servers and clients of the tests. The files of this folder use the default, others
 * set another version.
 */
export let protocol: Protocol = "HTTP/1.1";
export let isHttp2 = false;
export let isHttp11 = true;
/**
 * Whether a client of the runtime waits for ever for the end of a response to HEAD: that of Deno 2.9 does,
 * over HTTP/2.
 */
export let hasNoHead = false;
// oxlint-enable import/no-mutable-exports

/** To be called before the suites are loaded. */
export function speak(spoken: Protocol): void {
  protocol = spoken;
  isHttp2 = spoken === "HTTP/2";
  isHttp11 = spoken === "HTTP/1.1";
  hasNoHead = isHttp2 && runtime === "deno";
}

/** Returns the adapters that run on what is spoken, by name: Express does not run on HTTP/2. */
export function runnable<Adapter>(
  adapters: Readonly<Record<string, Adapter>>,
): [name: string, adapter: Adapter][] {
  return Object.entries(adapters).filter(([name]) => !isHttp2 || !name.startsWith("Express"));
}

/**
 * Vitest's `test`, unless the subject does not exist in the protocol of the suite: then there is no test,
 * which a skipped one would be.
 */
export function testUnless(isAbsent: boolean): TestAPI {
  return isAbsent ? NO_TEST : test;
}

const NO_TEST = Object.assign(() => {}, { each: () => () => {} }) as unknown as TestAPI;
