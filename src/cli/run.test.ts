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

function file(text: string, name = "settings.json"): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}

test.each([[[]], [["--help"]], [["migrate-pickles", "--help"]], [["take-over", "--help"]]])(
  "%j explains itself",
  async (args) => {
    const { code, out } = await play(args);
    expect(code).toBe(0);
    expect(out).toContain("--from");
    expect(out).toContain("--dry-run");
  },
);

describe("wrong arguments: exit code 2, the error and the usage", () => {
  test.each<[string[], string]>([
    [["migrate"], 'There is no command "migrate".'],
    [["migrate-pickles"], "--from is missing."],
    [["take-over"], "--module is missing."],
    [["take-over", "--dry"], "--dry"],
    [["take-over", "--module", "/nowhere.js"], "/nowhere.js, or a module that it imports, was not found."],
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

describe("take-over", () => {
  const module = (counts: object) =>
    file(
      `export const sessions = { takeOverAll: async ({ dryRun, onProgress }) => {
         onProgress({ moved: 1, present: 1 });
         return { ...${JSON.stringify(counts)}, moved: dryRun ? 0 : 2 };
       } };
       export const close = async () => {};`,
      "sojourn.mjs",
    );

  test("prints the counts; the exit code tells of unreadable records", async () => {
    const { code, out, errors } = await play(["take-over", "--module", module({ unreadable: 0 })]);
    expect(code).toBe(0);
    expect(out).toMatch(/^Sessions\n[^]*moved {2}2/);
    expect(errors).toContain("2 sessions so far");
    const args = ["take-over", "--dry-run", "--module", module({ unreadable: 3 })];
    expect(await play(args)).toMatchObject({
      code: 1,
      out: expect.stringContaining("nothing was written") as string,
    });
  });

  test("a module that exports something else", async () => {
    const { code, errors } = await play(["take-over", "--module", file("export default 1;", "other.mjs")]);
    expect(code).toBe(2);
    expect(errors).toContain("has to export sessions and close");
  });
});
