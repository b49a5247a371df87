import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe } from "vitest";
import { findDatabaseCommand } from "../../scripts/services.mjs";

const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/**
 * Waits until a server has written a text, or fails with what it has written when it ends before.
 *
 * @param stream The output that it writes the text on. @defaultValue its error output
 */
export async function untilReady(
  child: ChildProcess,
  expected: string,
  stream: ChildProcess["stderr"] = child.stderr,
): Promise<void> {
  tracked(child);
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`The server ended: ${output}`)));
    stream?.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
      if (output.includes(expected)) resolve();
    });
  });
}

/** Ends a server together with the tests. @returns The server. */
export function tracked(child: ChildProcess): ChildProcess {
  running.add(child);
  return child;
}

/** Ends a server by a signal, and waits until it has ended. */
export async function endServer(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  running.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

/**
 * `describe` for tests that need servers. Without them they are skipped, but fail in CI: there a test that
 * did not run must not look like one that passed.
 */
export function describeWithCommands(commands: readonly string[], title: string, define: () => void): void {
  const missing = commands.filter((command) => findDatabaseCommand([command]) === undefined);
  if (missing.length > 0 && process.env["CI"] === "true") {
    throw new Error(`${missing.join(" and ")} cannot be found. Install the server, or run: npm run services`);
  }
  const reason = missing.length === 0 ? "" : ` (skipped: ${missing.join(" and ")} cannot be found)`;
  describe.skipIf(missing.length > 0)(`${title}${reason}`, () => {
    define();
  });
}
