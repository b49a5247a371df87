import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { describeWithDjango } from "./support/django-peer.ts";
import { findPython } from "./support/find-python.ts";
import { prepareVirtualEnvironment } from "./support/virtual-environment.ts";

/** No process has this id: it is beyond the largest that Linux gives. */
const DEAD_PROCESS = 2 ** 22 + 1;

// A machine that has Django has Python with venv and pip as well.
describeWithDjango("the virtual environment of these tests", () => {
  test("a build that fails says why in one line; neither it nor an interrupted one leaves anything behind", async () => {
    const folder = temporaryFolder();
    const cache = join(folder, "cache");
    const interrupted = join(cache, `interop-venv-0123456789ab.${DEAD_PROCESS}`);
    mkdirSync(interrupted, { recursive: true });
    await writeFiles(folder, { "requirements.txt": "./no-such-package\n" });
    const result = await prepareVirtualEnvironment({ requirements: join(folder, "requirements.txt"), cache });
    expect(result).toEqual({ obstacle: expect.stringMatching(/^pip install: .*no-such-package.*$/) });
    expect(readdirSync(cache)).toEqual([]);
  });
});

test("of several Pythons the first is taken that runs and is in the range of versions", async () => {
  const folder = temporaryFolder();
  const pythons = { old: "echo 3.9", broken: "echo 3.13; exit 1", fits: "echo 3.12", newer: "echo 3.14" };
  await writeFiles(
    folder,
    Object.fromEntries(Object.entries(pythons).map(([name, line]) => [name, `#!/bin/sh\n${line}\n`])),
  );
  const commands = Object.keys(pythons).map((name) => join(folder, name));
  for (const command of commands) chmodSync(command, 0o755);
  expect(await findPython({ least: "3.10" }, commands)).toMatchObject({ command: join(folder, "fits") });
  expect(await findPython({ least: "3.13" }, commands)).toMatchObject({ command: join(folder, "newer") });
  expect(await findPython({ least: "3.10", below: "3.12" }, commands)).toEqual({
    obstacle: "Python from 3.10 on and older than 3.12 is needed, but python3 is 3.9",
  });
  expect(await findPython({ least: "3.10" }, [])).toEqual({
    obstacle: "Python 3.10 or newer is needed, but python3 is not on PATH",
  });
});

test("environments are built one after the other", async () => {
  const folder = temporaryFolder();
  const python = join(folder, "python3");
  // Makes an environment by touching it; says when it begins and ends.
  const script =
    '[ "$1" = -c ] && exec echo 3.12\n[ "$2" = venv ] && echo begin >>LOG && sleep 0.2 && mkdir -p "$3/bin" && ' +
    'cp "$0" "$3/bin/python"\n[ "$2" = pip ] && sleep 0.2 && echo end >>LOG\nexit 0\n';
  await writeFiles(folder, {
    python3: `#!/bin/sh\n${script.replaceAll("LOG", join(folder, "log"))}`,
    "one.txt": "one",
    "two.txt": "two",
    log: "",
  });
  chmodSync(python, 0o755);
  const prepare = (name: string) =>
    prepareVirtualEnvironment({ requirements: join(folder, name), cache: join(folder, "cache"), python });
  const made = await Promise.all([prepare("one.txt"), prepare("two.txt"), prepare("one.txt")]);
  expect(made.every((environment) => "python" in environment && existsSync(environment.python))).toBe(true);
  expect(made[0]).toEqual(made[2]);
  expect(readFileSync(join(folder, "log"), "utf8").split("\n")).toEqual(["begin", "end", "begin", "end", ""]);
});

test("a Python that is too old for Django, or does not run, is named as the reason", async () => {
  const folder = temporaryFolder();
  const python = join(folder, "python3");
  await writeFiles(folder, { "requirements.txt": "", python3: "#!/bin/sh\necho 3.9\n" });
  chmodSync(python, 0o755);
  const options = { requirements: join(folder, "requirements.txt"), cache: join(folder, "cache") };
  expect(await prepareVirtualEnvironment({ ...options, python })).toEqual({
    obstacle: "Python 3.10 or newer is needed, but python3 is 3.9",
    lacksPython: true,
  });
  expect(await prepareVirtualEnvironment({ ...options, python: join(folder, "none") })).toEqual({
    obstacle: expect.stringMatching(/^Python 3.10 or newer is needed, but python3 does not run: .*ENOENT$/),
    lacksPython: true,
  });
  expect(existsSync(options.cache)).toBe(false);
});
