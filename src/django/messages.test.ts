import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Browser, openHarness } from "../../test/support/session-harness.ts";
import { NotJsonError, SessionUsageError } from "../core/errors.ts";
import { addMessage, MESSAGE_LEVELS, takeMessages } from "./messages.ts";

const { DEBUG, INFO, SUCCESS, ERROR } = MESSAGE_LEVELS;

const sessionWith = (stored?: unknown) => ({
  data: (stored === undefined ? {} : { _messages: stored }) as Record<string, unknown>,
});

/** Writes a list like Django's `MessageEncoder`. */
const ONE = '["__json_message", 0, 20, "one", ""]';
const TWO = '["__json_message", 1, 25, "<b>two</b>", "big red"]';
const THREE = '["__json_message", 0, 15, "three"]';

function expectNoWarning() {
  const warn = spyOnWarnings();
  onTestFinished(() => expect(warn).not.toHaveBeenCalled());
}

function spyOnWarnings() {
  const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
  onTestFinished(() => warn.mockRestore());
  return warn;
}

const texts = (messages: readonly { readonly message: string }[]) => messages.map(({ message }) => message);

describe("messages that are added", () => {
  test("are text in Django's form, in order", () => {
    expectNoWarning();
    const session = sessionWith();
    addMessage(session, INFO, "one");
    addMessage(session, SUCCESS, "<b>two</b>", { extraTags: "big red", isSafe: true });
    expect(session.data).toEqual({
      _messages: '[["__json_message",0,20,"one",""],["__json_message",1,25,"<b>two</b>","big red"]]',
    });
  });

  test("are dropped if they are empty or below the level, which is Django's INFO by default", () => {
    const session = sessionWith();
    addMessage(session, ERROR, "");
    addMessage(session, DEBUG, "debug");
    addMessage(session, INFO, "info", { messageLevel: SUCCESS });
    expect(session.data).toEqual({});
    addMessage(session, DEBUG, "debug", { messageLevel: DEBUG });
    expect(texts(takeMessages(session))).toEqual(["debug"]);
  });

  test.each([1.5, Number.NaN, Infinity, "20" as never, undefined as never])(
    "need a level that is a whole number, not %o",
    (level) => {
      expect(() => addMessage(sessionWith(), level, "text")).toThrow(SessionUsageError);
    },
  );

  test("are refused if JSON cannot hold them, and earlier ones stay", () => {
    const session = sessionWith(`[${ONE}]`);
    expect(() => addMessage(session, INFO, "\ud800")).toThrow(NotJsonError);
    expect(() => addMessage(session, INFO, "text", { extraTags: "\ud800" })).toThrow(
      "message[4] is a string",
    );
    expect(session.data["_messages"]).toBe(`[${ONE}]`);
  });

  test.each([
    ["nothing", undefined],
    ["an empty list", "[]"],
    ["null", null],
    ["the text null", "null"],
    ["no text", ""],
    ["false", false],
    ["an empty dict", "{}"],
  ])("begin a list where there was %s, which is nothing to Django too", (_title, stored) => {
    expectNoWarning();
    const session = sessionWith(stored);
    addMessage(session, INFO, "one");
    expect(texts(takeMessages(session))).toEqual(["one"]);
  });

  test.each([
    ["no JSON", "[1"],
    ["a number", 5],
    ["an object", '{"a":1}'],
    ["JSON that nests too deep", "[".repeat(100_000)],
  ])("take the place of %s, with a warning that shows nothing of it", (_title, stored) => {
    const warn = spyOnWarnings();
    const session = sessionWith(stored);
    addMessage(session, INFO, "one");
    expect(session.data["_messages"]).toBe('[["__json_message",0,20,"one",""]]');
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringContaining("session.data._messages was not a list"),
      {
        type: "SojournWarning",
        code: "SOJOURN_DJANGO_MESSAGES",
      },
    );
  });

  test("join a single message without a list, which Django cannot show", () => {
    expectNoWarning();
    const session = sessionWith(ONE);
    addMessage(session, INFO, "two");
    expect(texts(takeMessages(session))).toEqual(["one", "two"]);
  });
});

describe("messages that are taken", () => {
  test("come in order, with their tags, and are gone", () => {
    const session = sessionWith(`[${ONE}, ${TWO}, ${THREE}]`);
    expect(takeMessages(session)).toEqual([
      { level: 20, message: "one", extraTags: "", isSafe: false, levelTag: "info", tags: "info" },
      {
        level: 25,
        message: "<b>two</b>",
        extraTags: "big red",
        isSafe: true,
        levelTag: "success",
        tags: "big red success",
      },
      { level: 15, message: "three", extraTags: undefined, isSafe: false, levelTag: "", tags: "" },
    ]);
    expect(session.data).toEqual({});
    expect(takeMessages(session)).toEqual([]);
  });

  test("have the tags of MESSAGE_TAGS", () => {
    const session = sessionWith(`[${ONE}, ${THREE}]`);
    const tags = takeMessages(session, { messageTags: { 15: "note", 20: "" } }).map(
      (message) => message.tags,
    );
    expect(tags).toEqual(["", "note"]);
  });

  test("are found in lists and objects, whose other items stay", () => {
    const session = sessionWith(
      `[[${ONE}, [${TWO}]], {"a": ${THREE}, "b": [1.5, NaN]}, {"c": ${ONE}}, "x", [], 12345678901234567890]`,
    );
    expect(texts(takeMessages(session))).toEqual(["one", "<b>two</b>", "three", "one"]);
    expect(session.data["_messages"]).toBe('[{"b":[1.5,NaN]},"x",[],12345678901234567890]');
  });

  test("are found in a bare list too", () => {
    const session = sessionWith([["__json_message", 0, 20, "one", ""], "x"]);
    expect(texts(takeMessages(session))).toEqual(["one"]);
    expect(session.data["_messages"]).toBe('["x"]');
  });

  test.each([
    "[[]]",
    '["__json_message"]',
    "[",
    "5",
    '{"a":1}',
    '"text"',
    '[["__json_message",0,20]]',
    '[["__json_message",0,"20","x"]]',
    '[["__json_message",0,20,5]]',
    '[["__json_message",0,20,"x",5]]',
    '[["__json_message",0,20,"x","y","z"]]',
    '[["__json_message",0,1.5,"x"]]',
    `[["__json_message",0,20,${ONE}]]`,
    "[".repeat(100_000),
    "[".repeat(999) + "]".repeat(999),
  ])("are none, and all stays as it is, in %.40s", (stored) => {
    const session = sessionWith(stored);
    expect(takeMessages(session)).toEqual([]);
    expect(session.data["_messages"]).toBe(stored);
  });

  test.each([5, true, { a: 1 }])("are none in %o, which stays too", (stored) => {
    const session = sessionWith(stored);
    expect(takeMessages(session)).toEqual([]);
    expect(session.data["_messages"]).toEqual(stored);
  });

  test("values that only Python can write are read and written back", () => {
    const session = sessionWith('[["__json_message", 0, 20, "\\ud800", ""], "\\udfff"]');
    expect(texts(takeMessages(session))).toEqual(["\ud800"]);
    expect(session.data["_messages"]).toBe('["\\udfff"]');
  });
});

describe("parallel requests", () => {
  test("lose no message with update(), and take none twice", async () => {
    const { sessions, events } = openHarness();
    const browser = new Browser(sessions);
    await browser.request((session) => void (session.data["cart"] = 1));
    const open = () => Promise.all(Array.from({ length: 8 }, () => browser.begin().session()));
    await Promise.all(
      (await open()).map((session, at) =>
        session.update((data) => addMessage({ data }, INFO, `message ${at}`)),
      ),
    );
    const taken = await Promise.all(
      (await open()).map((session) => session.update((data) => takeMessages({ data }))),
    );
    expect(texts(taken.flat())).toEqual(Array.from({ length: 8 }, (_, at) => `message ${at}`));
    expect(events).toEqual([]);
  });
});
