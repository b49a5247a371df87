import { describe, expect, test } from "vitest";
import { anyDeadline, Browser, openHarness } from "../../../test/support/session-harness.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";

const KEY = "k".repeat(32);
const COOKIE = `sessionid=${KEY}`;
const HOUR = 3_600_000;

function open() {
  const harness = openHarness({ format: "django-cache" });
  const put = async (record: string) => {
    await harness.store.delete(KEY, anyDeadline());
    await harness.store.create(KEY, record, HOUR, anyDeadline());
  };
  return { ...harness, put, record: () => harness.store.read(KEY, anyDeadline()) };
}

describe("records that Django's cache engine writes: the dictionary itself", () => {
  test("are read, and unchanged parts keep their text and position", async () => {
    const { sessions, put, record } = open();
    await put('{"z": 1.0, "a": {"é": "ü😀"}, "big": 12345678901234567890}');
    const session = await sessions.open(COOKIE);
    expect(session.data["a"]).toStrictEqual({ é: "ü😀" });
    session.data["n"] = 1;
    await session.save();
    expect(await record()).toMatch(
      /^\{"z":1\.0,"a":\{"é": "ü😀"\},"big":12345678901234567890,"n":1,"_sojourn":\{"nonce":/,
    );
  });

  test("a write by Django that keeps Node's nonce is another version: nothing is lost", async () => {
    const { sessions, put, record } = open();
    await put('{"cart": 1}');
    const session = await sessions.open(COOKIE);
    session.data["mine"] = "é";
    await session.save();
    const written = (await record()) ?? "";
    await put(written.replace('"cart":1', '"cart": 2').replace("{", '{"theirs": "ü", '));
    session.data["mine"] = 2;
    await session.save();
    expect(JSON.parse((await record()) ?? "")).toMatchObject({ theirs: "ü", cart: 2, mine: 2 });
  });

  test("a session that ended meanwhile is not brought back", async () => {
    const { sessions, put, store } = open();
    await put('{"a":"é"}');
    const session = await sessions.open(COOKIE);
    await store.delete(KEY, anyDeadline());
    session.data["b"] = 1;
    await expect(session.save()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
  });

  test.each([[""], ["[1]"], ["1"], ['"text"'], ['{"a":1'], ["\u0080\u0005}"]])(
    "%j is not a dictionary",
    async (text) => {
      const { sessions, put, record, events } = open();
      await put(text);
      await new Browser(sessions, COOKIE).request((session) => {
        expect(session.isNew).toBe(true);
        session.data["a"] = 1;
      });
      expect(events).toStrictEqual([{ name: "undecodable", event: { reason: "malformed" } }]);
      expect(await record()).toBe(text);
    },
  );
});

test.each<[Record<string, unknown>, string]>([
  [{ encrypt: true }, 'sessions.encrypt: expected false with the format "django-cache"'],
  [
    {
      wrap: (store: object) => Object.assign(Object.create(store) as object, { comparesWholeRecords: false }),
    },
    'sessions.format: expected "django" or "json" with the store "memory"',
  ],
])("%o is refused at start", (settings, message) => {
  expect(() => openHarness({ format: "django-cache", ...settings })).toThrow(ImproperlyConfigured);
  expect(() => openHarness({ format: "django-cache", ...settings })).toThrow(message);
});
