import { execFile } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rename, utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

import { Deadline } from "../../../src/core/deadlines.ts";
import { StoreConnectionError, StoreServiceError } from "../../../src/core/errors.ts";
import { newSessionKey } from "../../../src/core/ids.ts";
import { createSojourn } from "../../../src/create-sojourn.ts";
import { RedisRegistry } from "../../../src/redis/registry.ts";
import { fileSessionStore, type FileSessionStoreOptions } from "../../../src/stores/file/index.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { describeSessionStore, ManualClock } from "../../../src/testing/index.ts";
import { deleteFolder, makeTemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

const run = promisify(execFile);
const NODE_OPTIONS = ["--import", "tsx", "--conditions", "@sojourn/source"];
const programOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const later = (): Deadline => new Deadline(30_000);
const DAY = 86_400_000;
const ETAG = { start: 0, text: "one" };
/** Margin of a promised deadline, in milliseconds. */
const MARGIN = 250;

interface Opened {
  readonly path: string;
  readonly clock: ManualClock;
  readonly store: SessionStore;
}

function openStore(path: string, options: Partial<FileSessionStoreOptions> = {}): Opened {
  const clock = new ManualClock();
  const store = fileSessionStore({ path, ...options })({
    projectName: "p",
    redis: new RedisRegistry(),
    clock,
  });
  return { path, clock, store };
}

const open = (options?: Partial<FileSessionStoreOptions>): Opened => openStore(temporaryFolder(), options);

describeSessionStore({ describe, it: test }, "file", {
  hasReadWithTtl: true,
  noUsers: "files have none",
  open: () => {
    const path = makeTemporaryFolder();
    const { store, clock } = openStore(path);
    return { store, advance: (span) => clock.advance(span), close: () => deleteFolder(path) };
  },
});

describe("the files", () => {
  test("are {path}/{prefix}{key} with the record, mode 0600, whose time and the age make the expiry", async () => {
    const { path, clock, store } = open();
    const key = newSessionKey();
    await store.create(key, "one", 5000, later());
    expect(readdirSync(path)).toEqual([`sessionid${key}`]);
    const file = join(path, `sessionid${key}`);
    expect(readFileSync(file, "utf8")).toBe("one");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(file).mtimeMs + 14 * DAY).toBeCloseTo(clock.now() + 5000, 1);
    await store.touch(key, ETAG, 30 * DAY, later());
    expect(statSync(file).mtimeMs + 14 * DAY).toBeCloseTo(clock.now() + 30 * DAY, 1);
    await store.commit(key, "two", ETAG, 7000, later());
    expect(statSync(file).mtimeMs + 14 * DAY).toBeCloseTo(clock.now() + 7000, 1);
    expect(readdirSync(path)).toEqual([`sessionid${key}`]);
  });

  test("take the prefix and the age from the options; other prefixes are other sessions", async () => {
    const { path, clock, store } = open({ prefix: "__Host-sid", age: "1h" });
    const key = newSessionKey();
    await store.create(key, "one", 5000, later());
    expect(statSync(join(path, `__Host-sid${key}`)).mtimeMs + 3_600_000).toBeCloseTo(clock.now() + 5000, 1);
    expect(await openStore(path).store.read(key, later())).toBeUndefined();
    expect(await keysOf(openStore(path, { prefix: "__Host-sida" }).store)).toEqual([]);
  });

  test("of tombstones are named @{prefix}.…, end at their time of modification and go with clearExpired", async () => {
    const { path, clock, store } = open();
    const other = openStore(path, { prefix: "sessionid." }).store;
    await store.tombstones?.add("a", "moved", 5000, later());
    await store.tombstones?.add("A", "moved", 6000, later());
    await other.tombstones?.add("a", "of another prefix", 9000, later());
    const names = readdirSync(path);
    expect(names.filter((name) => /^@sessionid\.[a-z0-9]{32}$/.test(name))).toHaveLength(2);
    expect(names.filter((name) => /^@sessionid\.\.[a-z0-9]{32}$/.test(name))).toHaveLength(1);
    const modified = names.map((name) => statSync(join(path, name)).mtimeMs - clock.now());
    expect(modified.map(Math.round).toSorted((left, right) => left - right)).toEqual([5000, 6000, 9000]);
    await utimes(join(path, names.find((name) => !name.includes("..")) ?? ""), 0, 0);
    expect(await store.clearExpired(later)).toBe(0);
    expect(readdirSync(path)).toHaveLength(2);
    expect(await other.tombstones?.read("a", later())).toBe("of another prefix");
  });

  test("that Django has written live for the age from then on, and an empty one, with which it begins, is none", async () => {
    const { path, clock, store } = open({ age: 100 });
    const [key, begun] = [newSessionKey(), newSessionKey()];
    await writeAt(join(path, `sessionid${key}`), "one", clock.now());
    await writeAt(join(path, `sessionid${begun}`), "", clock.now());
    clock.advance(99_999);
    expect(await store.read(key, later())).toBe("one");
    expect(await store.read(begun, later())).toBeUndefined();
    expect(await store.create(begun, "mine", 1000, later())).toEqual({ status: "created" });
    clock.advance(2);
    expect(await store.read(key, later())).toBeUndefined();
  });

  test("of another form of name are no sessions, and stay", async () => {
    const { path, store } = open();
    const key = newSessionKey();
    for (const name of [
      key,
      `sessionid${key}x`,
      "sessionid",
      `sessionid${key.toUpperCase()}`,
      `sessionid${key}_out_1`,
    ]) {
      await writeAt(join(path, name), "foreign", 0);
    }
    mkdirSync(join(path, `sessionid${newSessionKey()}`));
    const before = readdirSync(path);
    expect(await keysOf(store)).toEqual([]);
    expect(await store.clearExpired(later)).toBe(0);
    expect(readdirSync(path)).toEqual(before);
  });

  test("are read at once with few of them open", async () => {
    const { store } = open();
    const key = newSessionKey();
    await store.create(key, "one", 60_000, later());
    const countOpen = (): number => readdirSync("/dev/fd").length;
    const [before, counts]: [number, number[]] = [countOpen(), []];
    const watch = setInterval(() => counts.push(countOpen()), 0);
    await Promise.all(Array.from({ length: 2000 }, () => store.read(key, later())));
    clearInterval(watch);
    expect(counts.length).toBeGreaterThan(0);
    expect(Math.max(...counts)).toBeLessThanOrEqual(before + 25);
  });

  test("have no time beyond the year 2400, however long a session is to live", async () => {
    const { path, store } = open();
    const key = newSessionKey();
    await store.create(key, "one", Number.MAX_VALUE, later());
    expect(statSync(join(path, `sessionid${key}`)).mtime.getUTCFullYear()).toBeLessThanOrEqual(2400);
    expect(await store.read(key, later())).toBe("one");
  });
});

describe("clearExpired()", () => {
  test("deletes expired files alone and tells how many, and clears up after processes that were killed", async () => {
    const { path, clock, store } = open();
    const [live, crashed] = [newSessionKey(), newSessionKey()];
    await store.create(live, "one", 60_000, later());
    for (let count = 0; count < 250; count++) await store.create(newSessionKey(), "one", 1000, later());
    await writeAt(join(path, `sessionid${live}.0123456789abcdef.tmp`), "half", 0);
    mkdirSync(join(path, `sessionid${crashed}.lock`));
    await utimes(join(path, `sessionid${crashed}.lock`), 0, 0);
    clock.advance(1000);
    const counts: number[] = [];
    expect(await store.clearExpired(later, ({ cleared }) => counts.push(cleared))).toBe(250);
    expect(counts).toHaveLength(3);
    expect(counts).toEqual(counts.toSorted((left, right) => left - right));
    expect(counts.at(-1)).toBe(250);
    expect(readdirSync(path)).toEqual([`sessionid${live}`]);
    expect(await store.clearExpired(later)).toBe(0);
  });

  test("goes by what a process that was killed just now has left, and does not fail for it", async () => {
    const { path, clock, store } = open();
    const [live, expired] = [newSessionKey(), newSessionKey()];
    for (const key of [live, expired]) await store.create(key, "one", key === live ? 60_000 : 1000, later());
    clock.advance(1000);
    const left = [live, expired].flatMap((key) => [
      `sessionid${key}.lock`,
      `sessionid${key}.0123456789abcdef.tmp`,
    ]);
    for (const name of left) {
      if (name.endsWith(".lock")) mkdirSync(join(path, name));
      else writeFileSync(join(path, name), "half");
    }
    expect(await store.clearExpired(() => new Deadline(2000))).toBe(0);
    for (const name of left.filter((each) => each.endsWith(".lock"))) await utimes(join(path, name), 0, 0);
    expect(await store.clearExpired(later)).toBe(1);
    expect(readdirSync(path)).toEqual([`sessionid${live}`]);
  });
});

describe("the folder", () => {
  const problems: readonly [string, (path: string) => void][] = [
    ["there is none", (path) => rmSync(path, { recursive: true })],
    ["something else has that name", (path) => (rmSync(path, { recursive: true }), writeFileSync(path, ""))],
    ["every user of this host can read or write it", (path) => chmodSync(path, 0o755)],
    ["every user of this host can read or write it", (path) => chmodSync(path, 0o1772)],
  ];
  test.each(problems)("is checked at the first use: %s", async (problem, spoil) => {
    const { path, store } = open();
    spoil(path);
    for (const attempt of [
      () => store.ping(later()),
      () => store.read(newSessionKey(), later()),
      () => keysOf(store),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: "ERR_IMPROPERLY_CONFIGURED" });
      await expect(attempt()).rejects.toThrow(problem);
    }
  });

  test("is an error when it is gone later, and no session looks as if it were logged out", async () => {
    const { path, store } = open();
    const key = newSessionKey();
    await store.create(key, "one", 1000, later());
    await rename(path, `${path}-gone`);
    for (const attempt of [
      () => store.read(key, later()),
      () => store.commit(key, "two", ETAG, 1000, later()),
      () => store.delete(key, later()),
      () => keysOf(store),
      () => store.ping(later()),
    ]) {
      await expect(attempt()).rejects.toBeInstanceOf(StoreServiceError);
      await expect(attempt()).rejects.toMatchObject({
        outcome: "not-sent",
        message: expect.stringContaining("ENOENT"),
      });
    }
    await rename(`${path}-gone`, path);
    expect(await store.read(key, later())).toBe("one");
  });

  test("keeps what lies outside: links are not followed, and a key that is a path is none", async () => {
    const { path, store } = open();
    const [key, outside] = [newSessionKey(), join(temporaryFolder(), "outside")];
    writeFileSync(outside, "one");
    symlinkSync(outside, join(path, `sessionid${key}`));
    for (const attempt of [
      () => store.read(key, later()),
      () => store.create(key, "two", 1000, later()),
      () => store.commit(key, "two", ETAG, 1000, later()),
      () => store.touch(key, ETAG, 1000, later()),
      () => store.delete(key, later()),
    ]) {
      const error: unknown = await attempt().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StoreServiceError);
      expect((error as Error).message).toContain("symbolic link");
      expect((error as Error).message).not.toContain(key);
    }
    await expect(store.read("/../../outside", later())).rejects.toBeInstanceOf(StoreServiceError);
    expect(await keysOf(store)).toEqual([]);
    await store.clearExpired(later);
    expect(readFileSync(outside, "utf8")).toBe("one");
  });
});

describe("settings", () => {
  test.each([
    [{}, "fileSessionStore.path: expected the path of a folder"],
    [{ path: "" }, "fileSessionStore.path: expected the path of a folder"],
    [{ path: "/x", prefix: "a/b" }, "fileSessionStore.prefix: expected 1 to 200 characters"],
    [{ path: "/x", prefix: "" }, "fileSessionStore.prefix: expected 1 to 200 characters"],
    [{ path: "/x", age: 0 }, "fileSessionStore.age: expected seconds"],
    [{ path: "/x", prefxi: "a" }, 'did you mean "prefix"?'],
  ])("%j is refused", (options, message) => {
    const context = { projectName: "p", redis: new RedisRegistry(), clock: new ManualClock() };
    expect(() => fileSessionStore(options as never)(context)).toThrow(message);
  });

  test("what needs an index of users is refused", async () => {
    const store = fileSessionStore({ path: temporaryFolder() });
    const settings = { projectName: "p", secretKey: "a secret of the tests, long enough" };
    const refusal = 'the store "file" keeps no index of users';
    expect(() => createSojourn({ ...settings, sessions: { store, maxPerUser: 3 } })).toThrow(refusal);
    const { sessions } = createSojourn({ ...settings, sessions: { store } });
    await expect(sessions.ofUser(7).next()).rejects.toThrow(refusal);
    await expect(sessions.revoke(7, "ref")).rejects.toThrow(refusal);
    await expect(sessions.revokeUser(7)).rejects.toThrow(refusal);
  });
});

describe("several processes", () => {
  test("two that count to 50 each in one session at the same time: 100", async () => {
    const path = temporaryFolder();
    const store = fileSessionStore({ path });
    const { sessions } = createSojourn<{ n?: number }>({
      projectName: "p",
      secretKey: SECRET,
      sessions: { store },
    });
    const cookie = (await sessions.create({ n: 0 })).cookieHeader ?? "";
    const count = () =>
      run(process.execPath, [...NODE_OPTIONS, programOf("file-process.ts"), path, cookie, "50"]);
    await Promise.all([count(), count()]);
    expect((await sessions.open(cookie)).data.n).toBe(100);
    expect(readdirSync(path)).toHaveLength(1);
  });

  test("a lock that another one holds: writes fail as not sent at the deadline, and reading goes on", async () => {
    const { path, store } = open();
    const key = newSessionKey();
    await store.create(key, "one", 60_000, later());
    mkdirSync(join(path, `sessionid${key}.lock`));
    const [begin, deadline] = [performance.now(), new Deadline(200)];
    const error: unknown = await store
      .commit(key, "two", ETAG, 60_000, deadline)
      .catch((reason: unknown) => reason);
    expect(performance.now() - begin).toBeLessThan(200 + MARGIN);
    expect(error).toBeInstanceOf(StoreConnectionError);
    expect(error).toMatchObject({
      outcome: "not-sent",
      message: expect.stringContaining("others on this host"),
    });
    expect(await store.read(key, later())).toBe("one");
    rmSync(join(path, `sessionid${key}.lock`), { recursive: true });
    expect(await store.commit(key, "three", ETAG, 60_000, later())).toEqual({ status: "committed" });
  });

  test("one that may write no more than 1 KB: an error as not sent, the old record whole, no key in the message", async () => {
    const { path, store } = open();
    const key = newSessionKey();
    await store.create(key, "one", 60_000, later());
    const program = `ulimit -f 1; exec "$@"`;
    const node: string[] = [process.execPath, ...NODE_OPTIONS, programOf("file-full-process.ts"), path, key];
    const { stdout } = await run("bash", ["-c", program, "bash", ...node]);
    const failure = JSON.parse(stdout) as { name: string; outcome: string; message: string };
    expect(failure).toMatchObject({ name: "StoreServiceError", outcome: "not-sent" });
    expect(failure.message).toContain("EFBIG");
    expect(failure.message).not.toContain(key);
    expect(await store.read(key, later())).toBe("one");
    expect(readdirSync(path)).toEqual([`sessionid${key}`]);
  });
});

const SECRET = "the secret of the integration tests";

async function writeAt(file: string, text: string, at: number): Promise<void> {
  writeFileSync(file, text);
  await utimes(file, at / 1000, at / 1000);
}

async function keysOf(store: SessionStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.scan(later)) keys.push(key);
  return keys;
}
