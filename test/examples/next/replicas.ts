import { readFileSync } from "node:fs";
import { join } from "node:path";

import { type StartedExample, startProgram } from "../../../examples/shared/test/start-example.ts";

/** A process of the application of replicas. */
export interface Replica extends StartedExample {
  readonly text: (path: string, init?: RequestInit) => Promise<string>;
}

/** Starts a process of an application that `buildNextApplication` has built. */
export async function startReplica(
  application: string,
  env: Readonly<Record<string, string>>,
): Promise<Replica> {
  // From its folder, Next resolves the packages of the example above it.
  const next = join(application, "../..", "node_modules/next/dist/bin/next");
  const started = await startProgram([next, "start", "-p", "0"], {
    cwd: application,
    env: { NODE_ENV: "production", ...env },
  });
  const text = async (path: string, init?: RequestInit): Promise<string> =>
    (await fetch(started.url + path, init)).text();
  return { ...started, text };
}

/** Returns the text of the element `output` of a page. */
export function outputOf(html: string): string {
  return /<output>([^<]*)</.exec(html)?.[1] ?? "";
}

/** Returns the lines that the replicas have written to a file. */
export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n");
  } catch {
    return [];
  }
}
