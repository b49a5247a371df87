import { expect, test } from "vitest";
import { addMessage, MESSAGE_LEVELS, takeMessages } from "../../src/django/messages.ts";
import type { Session } from "../../src/session/session.ts";
import { describeWithDjango } from "./support/django-peer.ts";
import { type Data, NodeSite } from "./support/node-site.ts";

type Added = readonly [level: number, text: string, extraTags: string | null, isSafe: boolean];

const { DEBUG, INFO, SUCCESS, WARNING, ERROR } = MESSAGE_LEVELS;

/** A level of the application's own, and text that JSON, HTML or an encoding could trip over. */
const MESSAGES: readonly Added[] = [
  [DEBUG, "debug", "", false],
  [INFO, 'é 😀 \u2028 \u007f "quoted" \\ \n', "", false],
  [SUCCESS, "Saved.", "big red", false],
  [WARNING, "<b>bold</b>", "", true],
  [ERROR, "<i>escaped</i>", "", false],
  [15, "__json_message", "x", false],
];

/** Runs an operation of Node on a new session, or on one with this record. */
async function atNode<Result>(record: string | null, act: (session: Session<Data>) => Result) {
  const site = new NodeSite();
  const session = record === null ? await site.sessions.create({ cart: 1 }) : await site.open(record);
  const result = act(session);
  await session.save();
  return { result, record: await site.recordOf(session), stored: session.data["_messages"] };
}

function addAll(session: Session<Data>): void {
  for (const [level, text, extraTags, isSafe] of MESSAGES)
    addMessage(session, level, text, { extraTags: extraTags ?? "", isSafe, messageLevel: 0 });
}

describeWithDjango("django.contrib.messages in the session", (django) => {
  test("messages of Node's are Django's, with their tags and whether they are HTML, and gone when they were shown", async () => {
    const { record } = await atNode(null, addAll);
    const shown = await django().call("messagesTake", { record });
    expect(shown.messages).toEqual(
      MESSAGES.map(([level, message, extraTags, isSafe]) =>
        expect.objectContaining({ level, message, extraTags, isSafe }),
      ),
    );
    expect(shown.messages.map(({ tags }) => tags)).toEqual([
      "debug",
      "info",
      "big red success",
      "warning",
      "error",
      "x",
    ]);
    expect((await atNode(shown.record, takeMessages)).result).toEqual([]);
  });

  test("messages of Django's are Node's, and gone when they were taken", async () => {
    const messages = [...MESSAGES, [INFO, "without tags", null, false] as const];
    const { record } = await django().call("messagesAdd", { record: null, messages });
    const ours = await atNode(record, takeMessages);
    const theirs = await django().call("messagesTake", { record: record ?? "" });
    expect(ours.result).toEqual(
      theirs.messages.map((message) => ({ ...message, extraTags: message.extraTags ?? undefined })),
    );
    expect(ours.result).toHaveLength(messages.length);
    expect((await django().call("messagesTake", { record: ours.record })).messages).toEqual([]);
  });

  test("Node writes what Django's encoder writes for the same messages", async () => {
    const { record } = await atNode(null, addAll);
    const { stored, again } = await django().call("messagesText", { record });
    expect(stored).toEqual(again);
    const theirs = await django().call("messagesAdd", { record: null, messages: MESSAGES });
    expect(await django().call("messagesText", { record: theirs.record ?? "" })).toEqual({ stored, again });
  });

  test("each side adds to what the other has left, in order", async () => {
    const first = await django().call("messagesAdd", { record: null, messages: [[INFO, "one", "", false]] });
    const second = await atNode(first.record, (session) => addMessage(session, INFO, "two"));
    const third = await django().call("messagesAdd", {
      record: second.record,
      messages: [[INFO, "three", "", false]],
    });
    const ours = await atNode(third.record, takeMessages);
    expect(ours.result.map(({ message }) => message)).toEqual(["one", "two", "three"]);
    const theirs = await django().call("messagesTake", { record: third.record ?? "" });
    expect(theirs.messages.map(({ message }) => message)).toEqual(["one", "two", "three"]);
  });

  test("messages inside of lists and dicts are found, and what else is in them stays for Django", async () => {
    const { record } = await django().call("messagesNested", { record: null });
    const ours = await atNode(record, takeMessages);
    expect(ours.result.map(({ level, message, tags }) => [level, message, tags])).toEqual([
      [INFO, "one", "info"],
      [SUCCESS, "two", "x success"],
      [WARNING, "three", "warning"],
    ]);
    expect(ours.stored).toBe('[{"left":5},[]]');
    expect(await django().call("messagesText", { record: ours.record })).toMatchObject({
      stored: [{ left: 5 }, []],
    });
  });
});
