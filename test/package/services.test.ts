import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Finished, run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { findCommand } from "../../scripts/services.mjs";
import { temporaryFolder, writeFiles } from "../support/temporary-folder.ts";

/** A machine whose PATH has these commands, as shell scripts, and hardly any other. */
class Machine {
  readonly #folder = temporaryFolder();
  readonly #bin = join(this.#folder, "bin");

  constructor() {
    mkdirSync(this.#bin);
    for (const command of ["env", "sh", "touch", "chmod"]) {
      const path = findCommand([command]);
      if (path !== undefined) symlinkSync(path, join(this.#bin, command));
    }
  }

  async has(command: string, body: string): Promise<void> {
    await writeFiles(this.#bin, { [command]: `#!${join(this.#bin, "sh")}\n${body}\n` });
    chmodSync(join(this.#bin, command), 0o755);
  }

  /** Has apt-get, which notes how it is called, and sudo for those who are not root. */
  async hasApt(installing: string): Promise<void> {
    const note = `echo "$DEBIAN_FRONTEND $*" >> "${join(this.#folder, "apt.log")}"`;
    await this.has("apt-get", `${note}\ncase "$*" in *" install "*|install*) ${installing} ;; esac`);
    await this.has("sudo", 'shift\nexec "$@"');
  }

  get aptCalls(): string[] {
    const log = join(this.#folder, "apt.log");
    return existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n") : [];
  }

  /** A command line that puts a command on the PATH of this machine. */
  appears(command: string): string {
    const path = join(this.#bin, command);
    return `touch "${path}"; chmod +x "${path}"`;
  }

  services(...projects: string[]): Promise<Finished> {
    const script = inProject("scripts", "services.mjs");
    return run(process.execPath, [script, ...projects], { env: { PATH: this.#bin, CI: "true" } });
  }
}

test("what is on PATH is used, quietly, and apt-get is not called", async () => {
  const machine = new Machine();
  await machine.hasApt("exit 1");
  await machine.has("redis-server", "exit 0");
  expect(await machine.services("faults")).toEqual({ status: 0, output: "" });
  expect(machine.aptCalls).toEqual([]);
});

test("what is missing is installed with apt-get, after one update, once", async () => {
  const machine = new Machine();
  await machine.hasApt(machine.appears("redis-server"));
  const first = await machine.services("faults");
  expect(first).toEqual({ status: 0, output: "Installing redis-server with apt-get ...\n" });
  expect(machine.aptCalls).toEqual([
    expect.stringMatching(/^noninteractive update /),
    expect.stringMatching(/^noninteractive install .*redis-server$/),
  ]);
  expect(await machine.services("faults")).toEqual({ status: 0, output: "" });
  expect(machine.aptCalls).toHaveLength(2);
});

test("each thing that cannot be had is named in one line with the reason", async () => {
  const machine = new Machine();
  await machine.hasApt('echo "E: Unable to locate package redis-server" >&2; exit 100');
  const { status, output } = await machine.services("faults");
  expect(status).toBe(1);
  expect(output.trimEnd().split("\n").at(-1)).toBe(
    "redis-server is missing (apt-get install: Unable to locate package redis-server): its tests fail. " +
      "Install the package redis-server to run them.",
  );
});

test("without apt-get the line says so", async () => {
  const { status, output } = await new Machine().services("faults");
  expect(status).toBe(1);
  expect(output).toMatch(/^redis-server is missing \(there is no apt-get here\): [^\n]+\n$/);
});

test("a python3 that cannot make virtual environments counts as missing", async () => {
  const machine = new Machine();
  await machine.has("redis-server", "exit 0");
  await machine.has("python3", "exit 1");
  const { output } = await machine.services("interop");
  expect(output).toMatch(/^python3 with venv is missing /);
});

test("tests that need no server ask for none", async () => {
  expect(await new Machine().services("unit")).toEqual({ status: 0, output: "" });
});
