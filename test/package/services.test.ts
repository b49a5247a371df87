import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Finished, run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { FAST } from "../../scripts/lib/projects.mjs";
import { findCommand } from "../../scripts/services.mjs";
import { temporaryFolder, writeFiles } from "../support/temporary-folder.ts";

/** A machine whose PATH has these commands, as shell scripts, and hardly any other. */
class Machine {
  readonly #folder = temporaryFolder();
  readonly #bin = join(this.#folder, "bin");

  constructor() {
    mkdirSync(this.#bin);
    for (const command of ["env", "sh", "touch", "chmod", "mkdir"]) {
      const path = findCommand([command]);
      if (path !== undefined) symlinkSync(path, join(this.#bin, command));
    }
  }

  async has(command: string, body: string): Promise<void> {
    await writeFiles(this.#bin, { [command]: `#!${join(this.#bin, "sh")}\n${body}\n` });
    chmodSync(join(this.#bin, command), 0o755);
  }

  lacks(command: string): void {
    rmSync(join(this.#bin, command));
  }

  /** Has apt-get, which notes how it is called, and sudo for those who are not root. */
  async hasApt(installing: string): Promise<void> {
    const note = `echo "$DEBIAN_FRONTEND $*" >> "${join(this.#folder, "apt.log")}"`;
    await this.has("apt-get", `${note}\ncase "$*" in *" install "*|install*) ${installing} ;; esac`);
    await this.has("sudo", 'shift\nexec "$@"');
  }

  /** Has the servers of the integration tests, Redis in the version that Debian 12 has. */
  async hasServers(): Promise<void> {
    await this.has("redis-server", 'echo "Redis server v=7.0.15 sha=00000000:0"');
    for (const command of ["postgres", "mariadbd", "memcached", "apache2"]) await this.has(command, "exit 0");
  }

  /**
   * Has what Redis is built with, as far as it is called here: `pip` downloads an archive, `make` makes a
   * server.
   */
  async hasBuildTools({ pip = 'touch "$download/source.tar.gz"' } = {}): Promise<void> {
    const note = `echo "$*" >> "${join(this.#folder, "pip.log")}"`;
    const findFolder = 'for each in "$@"; do [ "$before" = -d ] && download=$each; before=$each; done';
    await this.has("venv-python", `${note}\n${findFolder}\n${pip}`);
    const venv = `mkdir -p "$3/bin"; echo '#!${join(this.#bin, "sh")}\nexec venv-python "$@"' > "$3/bin/python"`;
    await this.has("python3", `[ "$1" = -c ] && exit 0\n${venv}; chmod +x "$3/bin/python"`);
    await this.has("tar", 'mkdir -p "$4/redis.submodule/src"');
    await this.has("gcc", "exit 0");
    await this.has("make", 'echo "#!/bin/sh" > "$2/redis-server"; chmod +x "$2/redis-server"');
  }

  get aptCalls(): string[] {
    return this.#linesOf("apt.log");
  }

  get pipCalls(): string[] {
    return this.#linesOf("pip.log");
  }

  /** A command line that puts a command on the PATH of this machine. */
  appears(command: string): string {
    const path = join(this.#bin, command);
    return `touch "${path}"; chmod +x "${path}"`;
  }

  #linesOf(log: string): string[] {
    const path = join(this.#folder, log);
    return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
  }

  services(...projects: string[]): Promise<Finished> {
    const script = inProject("scripts", "services.mjs");
    return run(process.execPath, [script, ...projects], {
      env: { PATH: this.#bin, CI: "true", XDG_CACHE_HOME: join(this.#folder, "cache") },
    });
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

test("npm test asks for a Redis alone", async () => {
  const machine = new Machine();
  await machine.hasApt(machine.appears("redis-server"));
  expect(await machine.services(...FAST)).toEqual({
    status: 0,
    output: "Installing redis-server with apt-get ...\n",
  });
  expect(machine.aptCalls.at(-1)).toMatch(/^noninteractive install (-\S+ )*redis-server$/);
});

test("tests that need no server ask for none", async () => {
  expect(await new Machine().services("unit")).toEqual({ status: 0, output: "" });
});

describe("a Redis that expires fields of hashes", () => {
  test("is taken from PATH when it is new enough, and nothing is built", async () => {
    for (const version of ["7.4.0", "8.0.1", "10.0.0"]) {
      const machine = new Machine();
      await machine.hasServers();
      await machine.has("redis-server", `echo "Redis server v=${version} sha=00000000:0"`);
      expect(await machine.services("integration")).toEqual({ status: 0, output: "" });
    }
  });

  test("is built from its source, checked by its hash, when the one on PATH is older; once", async () => {
    const machine = new Machine();
    await machine.hasServers();
    await machine.hasBuildTools();
    const first = await machine.services("integration");
    expect(first.output).toMatch(/^Building Redis \d+\.\d+\.\d+, which takes about a minute \.\.\.\n$/);
    expect(first.status).toBe(0);
    expect(machine.pipCalls).toEqual([
      expect.stringMatching(/download .*--require-hashes .*-r \S+requirements\.txt$/),
    ]);
    expect(await machine.services("integration")).toEqual({ status: 0, output: "" });
  });

  test("is not a Valkey, whatever its version", async () => {
    const machine = new Machine();
    await machine.hasServers();
    await machine.has("redis-server", 'echo "Valkey server v=9.1.2 sha=00000000:0"');
    await machine.hasBuildTools();
    expect((await machine.services("integration")).output).toMatch(/^Building Redis /);
  });

  test("that cannot be downloaded or built is named in one line with the reason", async () => {
    const machine = new Machine();
    await machine.hasServers();
    await machine.hasBuildTools({ pip: 'echo "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES" >&2; exit 1' });
    const { status, output } = await machine.services("integration");
    expect(status).toBe(1);
    expect(output.trimEnd().split("\n").at(-1)).toBe(
      "redis-server 7.4 or newer is missing (python: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES): its tests fail. " +
        "Put one on PATH, or install python3-venv, tar, make, gcc, libc6-dev, to run them.",
    );
  });

  test("gets the packages that it is built with from apt-get, those that are missing", async () => {
    const machine = new Machine();
    await machine.hasServers();
    await machine.hasBuildTools();
    machine.lacks("gcc");
    await machine.hasApt(machine.appears("gcc"));
    const { status, output } = await machine.services("integration");
    expect(output).toMatch(/^Installing gcc, libc6-dev with apt-get \.\.\.\nBuilding Redis /);
    expect(status).toBe(0);
  });

  test("is missing where its tools are, and nothing is downloaded then", async () => {
    const machine = new Machine();
    await machine.hasServers();
    await machine.hasBuildTools();
    machine.lacks("make");
    const { status, output } = await machine.services("integration");
    expect(status).toBe(1);
    expect(output).toMatch(
      /^redis-server 7\.4 or newer is missing \(there is no apt-get here\): its tests fail\. [^\n]+\n$/,
    );
    expect(machine.pipCalls).toEqual([]);
  });
});
