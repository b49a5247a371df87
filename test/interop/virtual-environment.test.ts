import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { describeWithDjango } from "./support/django-peer.ts";
import { prepareVirtualEnvironment } from "./support/virtual-environment.ts";

/** No process has this id: it is beyond the largest that Linux gives. */
const DEAD_PROCESS = 2 ** 22 + 1;

// Where Django can be had, so can Python with venv and pip.
describeWithDjango("the virtual environment of these tests", () => {
  test("a build that fails says why in one line and leaves nothing behind, nor does one that was interrupted", async () => {
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

test("a Python that is too old for Django, or does not run, is named as the reason", async () => {
  const folder = temporaryFolder();
  const python = join(folder, "python3");
  await writeFiles(folder, { "requirements.txt": "", python3: "#!/bin/sh\necho 3.9\n" });
  chmodSync(python, 0o755);
  const options = { requirements: join(folder, "requirements.txt"), cache: join(folder, "cache") };
  expect(await prepareVirtualEnvironment({ ...options, python })).toEqual({
    obstacle: "python3 is 3.9, and Django needs 3.10",
  });
  expect(await prepareVirtualEnvironment({ ...options, python: join(folder, "none") })).toEqual({
    obstacle: expect.stringMatching(/^python3 does not run: .*ENOENT$/),
  });
  expect(existsSync(options.cache)).toBe(false);
});
