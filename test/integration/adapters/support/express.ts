import { writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import express from "express";
import { expressSessions } from "sojourn/adapters/express";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { TestServer } from "./http.ts";
import type { StubSessions } from "./stub-sessions.ts";

export type App = ReturnType<typeof express>;

/** Express 4 under its alias. There are types for version 5 only, and for what the tests use they fit. */
export const express4 = createRequire(import.meta.url)("express4") as typeof express;

/** The versions on which the adapter is tested. */
export const EXPRESSES: readonly [title: string, express: typeof express][] = [
  ["Express 5", express],
  ["Express 4", express4],
];

/** An application with sessions, and a silent last error handler. */
export function makeApp(makeExpress: typeof express, sessions: StubSessions): App {
  const app = makeExpress();
  app.set("env", "test");
  app.use(expressSessions(sessions));
  return app;
}

export function start(app: App): Promise<TestServer> {
  return TestServer.start(app as RequestListener);
}

/** A file in a folder of the running test's own. */
export function makeFile(size: number): string {
  const path = join(temporaryFolder(), "file.txt");
  writeFileSync(path, "f".repeat(size));
  return path;
}
