import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { run } from "./run.ts";

async function play(args: readonly string[], env: Record<string, string> = { SECRET_KEY: "hunter2-secret" }) {
  const [out, errors]: [string[], string[]] = [[], []];
  const terminal = {
    env,
    out: (line: string) => void out.push(line),
    error: (line: string) => void errors.push(line),
  };
  return { code: await run(args, terminal), out: out.join("\n"), errors: errors.join("\n") };
}

function file(text: string): string {
  const path = join(temporaryFolder(), "settings.json");
  writeFileSync(path, text);
  return path;
}

test.each([[[]], [["--help"]], [["migrate-pickles", "--help"]]])("%j explains itself", async (args) => {
  const { code, out } = await play(args);
  expect(code).toBe(0);
  expect(out).toContain("--from");
});

describe("wrong arguments: exit code 2, the error and the usage", () => {
  test.each<[string[], string]>([
    [["migrate"], 'There is no command "migrate".'],
    [["migrate-pickles"], "--from is missing."],
    [["migrate-pickles", "--form", "x"], "--form"],
    [["migrate-pickles", "--from", "/nowhere.json"], "/nowhere.json cannot be read (ENOENT)."],
  ])("%j", async (args, message) => {
    const { code, errors } = await play(args);
    expect(code).toBe(2);
    expect(errors).toContain(message);
    expect(errors).toContain("sojourn migrate-pickles --from");
  });

  test("a file that is not a JSON object, whose text is not shown", async () => {
    for (const text of ['{"SECRET_KEY": hunter2}', "[]", "1", ""]) {
      const { code, errors } = await play(["migrate-pickles", "--from", file(text)]);
      expect(code).toBe(2);
      expect(errors).toContain("is not a JSON object.");
      expect(errors).not.toContain("hunter2");
    }
  });

  test("a missing package", async () => {
    const from = file('{"SESSION_ENGINE": "redisession.backend"}');
    const { code, errors } = await play([
      "migrate-pickles",
      "--from",
      from,
      "--decompress",
      "no-such-package",
    ]);
    expect(code).toBe(2);
    expect(errors).toContain("the package no-such-package is not installed");
  });
});

describe("settings that cannot be migrated from or to: exit code 1", () => {
  test.each([
    ['{"SESSION_ENGINE": "django.contrib.sessions.backends.file"}', {}, "django.SESSION_ENGINE: expected"],
    ["{}", {}, "django.SECRET_KEY: expected a secret text"],
  ])("%s", async (text, env, message) => {
    const secrets = text === "{}" ? env : { SECRET_KEY: "s" };
    const { code, errors } = await play(["migrate-pickles", "--from", file(text)], secrets);
    expect(code).toBe(1);
    expect(errors).toMatch(/^ERR_IMPROPERLY_CONFIGURED: /);
    expect(errors).toContain(message);
  });

  test("an unreachable Redis", async () => {
    const from = file(
      '{"SESSION_ENGINE": "redisession.backend", "REDIS_SESSION_CONFIG": {"SERVER": {"port": 1}}}',
    );
    const { code, errors } = await play(["migrate-pickles", "--from", from]);
    expect(code).toBe(1);
    expect(errors).toMatch(/^ERR_STORE_CONNECTION: /);
  });
});
