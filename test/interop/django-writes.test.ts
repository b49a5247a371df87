import { expect, test } from "vitest";
import { scaled, seed } from "../support/scale.ts";
import { javaScriptView, pythonView } from "./support/describe-value.ts";
import { describeWithDjango } from "./support/django-peer.ts";
import { type Data, NodeSite } from "./support/node-site.ts";

const NEW_VALUE = { by: "Node", count: 1 };

/** A change of one key: what Node does, and what becomes of the members, in whatever form they are. */
interface Change {
  readonly name: string;
  readonly make: (data: Data, key: string) => void;
  readonly apply: <Member>(members: readonly Member[], at: number, changed: Member) => Member[];
}

const CHANGES: readonly Change[] = [
  {
    name: "set",
    make: (data, key) => void (data[key] = NEW_VALUE),
    apply: (members, at, changed) => members.with(at, changed),
  },
  {
    name: "delete",
    make: (data, key) => void delete data[key],
    apply: (members, at) => members.toSpliced(at, 1),
  },
  {
    name: "add",
    make: (data, key) => void (data[key] = NEW_VALUE),
    apply: (members, _at, changed) => [...members, changed],
  },
];

/** A form in which Django keeps sessions. */
interface Form {
  readonly title: string;
  readonly format: "django" | "django-cache";
  readonly make: "make" | "makeEntry";
  readonly decode: "decode" | "decodeEntry";
  readonly count: number;
}

const FORMS: readonly Form[] = [
  { title: "signed records", format: "django", make: "make", decode: "decode", count: scaled(2000, 20_000) },
  {
    title: "entries of django-redis, whose JSON has spaces",
    format: "django-cache",
    make: "makeEntry",
    decode: "decodeEntry",
    count: scaled(500, 5000),
  },
];

/**
 * Values that sessions are known to get wrong, which have to be among them: `KINDS` in
 * `peer/random_sessions.py`.
 */
const KINDS = [
  "whole float",
  "negative zero",
  "1e+16",
  "integer of 70 bits",
  "surrogate",
  "DEL",
  "keys in odd order",
  "NaN",
  "infinity",
  "300 levels",
];

/** In milliseconds. */
const TIMEOUT = scaled(300_000, 3_600_000);

/** Sessions that are under way at the same time: then neither side waits for the other. */
const AT_ONCE = 20;

describeWithDjango("Node reads what Django has written", (django) => {
  for (const { title: form, format, make, decode, count } of FORMS) {
    test(
      `${count} random sessions as ${form}: all values, then one key is changed and no other, in Django's eyes and byte by byte`,
      { timeout: TIMEOUT },
      async () => {
        const site = new NodeSite({ format });
        const seen = new Map<string, number>();

        const changeOne = async (index: number): Promise<void> => {
          const made = await django().call(make, { seed, index });
          for (const kind of made.kinds) seen.set(kind, (seen.get(kind) ?? 0) + 1);
          const session = await site.open(made.record);
          expect(javaScriptView(session.data), `session ${index}`).toBe(made.asJavaScript);

          const change = CHANGES[index % CHANGES.length] as Change;
          const at = index % made.members.length;
          const key = change.name === "add" ? "added by Node" : (made.members[at]?.[0] ?? "");
          change.make(session.data, key);
          await session.save();

          const record = await site.recordOf(session);
          const { members, complaints } = await django().call(decode, { record });
          expect(complaints).toEqual([]);
          expect(members.at(-1)?.[0]).toBe("_sojourn");
          const title = `session ${index}, ${change.name}`;
          expect(members.slice(0, -1), title).toEqual(
            change.apply(made.members, at, [key, pythonView(NEW_VALUE)]),
          );
          const payload = format === "django-cache" ? record : await django().call("payload", { record });
          const facts = payload.slice(payload.lastIndexOf('"_sojourn":'), -1);
          const slices = change.apply(made.slices, at, `${pythonView(key)}:${JSON.stringify(NEW_VALUE)}`);
          expect(payload, title).toBe(`{${[...slices, facts].join(",")}}`);
        };

        for (let first = 0; first < count; first += AT_ONCE) {
          await Promise.all(Array.from({ length: AT_ONCE }, (_, offset) => changeOne(first + offset)));
        }
        for (const kind of KINDS) expect(seen.get(kind), kind).toBeGreaterThan(count / 100);
      },
    );
  }

  test("a session that was only read is not written at all", async () => {
    const site = new NodeSite();
    const { record } = await django().call("make", { seed, index: 0 });
    const session = await site.open(record);
    javaScriptView(session.data);
    await session.save();
    expect(await site.recordOf(session)).toBe(record);
  });

  test("a key that Python wrote twice has its last value at its first place, as for Python", async () => {
    const site = new NodeSite();
    const { record, members } = await django().call("makeWithDuplicates", {});
    const session = await site.open(record);
    expect(session.data).toEqual({ 1: "last", b: 2, nested: { true: 2, null: 3 } });
    session.data["added"] = true;
    await session.save();
    const after = await django().call("decode", { record: await site.recordOf(session) });
    expect(after.members.slice(0, -1)).toEqual([...members, ["added", "true"]]);
  });

  test("signed with the secret before the last, which Node has among its fallbacks; the next write has the new one", async () => {
    const { record, members } = await django().call("make", {
      seed,
      index: 1,
      secret: "the old secret of the tests, as long",
    });
    const site = new NodeSite({
      secret: "the new secret of the tests, as long",
      fallbacks: ["older", "the old secret of the tests, as long"],
    });
    const session = await site.open(record);
    session.data["added"] = true;
    await session.save();
    const after = await django().call("decode", {
      record: await site.recordOf(session),
      secret: "the new secret of the tests, as long",
    });
    expect(after.members.slice(0, -1)).toEqual([...members, ["added", "true"]]);
    const stranger = new NodeSite({ secret: "the new secret of the tests, as long", fallbacks: ["older"] });
    expect((await stranger.open(record)).isEmpty).toBe(true);
    expect(stranger.undecodable).toEqual(["bad-signature"]);
  });

  test("a session's own expiry, in all of Django's forms, and the reverse", async () => {
    const site = new NodeSite();
    const now = site.clock.now() / 1000;
    const expiries = [{ seconds: 300 }, { seconds: 0 }, { at: now + 3600.5 }, {}];
    for (const expiry of expiries) {
      const record = await django().call("withExpiry", expiry);
      const { age } = await django().call("expiry", { record, now });
      const { expiryDate } = await site.open(record);
      expect(Math.floor(expiryDate.getTime() / 1000), JSON.stringify(expiry)).toBe(now + age);
    }
    const ages = [
      [300, 300],
      [0, 14 * 86_400],
      ["30m", 1800],
      [new Date(site.clock.now() + 90_000), 90],
      [null, 14 * 86_400],
    ] as const;
    for (const [expiry, age] of ages) {
      const session = await site.sessions.create({ cart: 1 });
      session.setExpiry(expiry);
      await session.save();
      const seen = await django().call("expiry", { record: await site.recordOf(session), now });
      expect(seen, String(expiry)).toEqual({ age, withBrowser: expiry === 0, date: expect.any(Number) });
    }
  });

  test("what setExpiry() takes at its bounds, Django reads and adds to its time", async () => {
    const site = new NodeSite();
    const [now, day] = [Math.floor(site.clock.now() / 1000), 86_400];
    const lastSecond = Date.parse("9899-12-31T23:59:59Z") / 1000;
    const farSecond = Date.parse("9999-12-31T23:59:59Z") / 1000;
    const vectors = [
      [lastSecond - now, lastSecond],
      [1000 * 365 * day, now + 1000 * 365 * day],
      [new Date(farSecond * 1000 + 999), farSecond],
    ] as const;
    for (const [expiry, end] of vectors) {
      const session = await site.sessions.create({ cart: 1 });
      session.setExpiry(expiry);
      await session.save();
      const seen = await django().call("expiry", { record: await site.recordOf(session), now });
      expect(seen, String(expiry)).toEqual({ age: end - now, withBrowser: false, date: end });
    }
  });

  test("an expiry that Django has stored means the same here, whatever it is", async () => {
    const site = new NodeSite();
    const now = Math.floor(site.clock.now() / 1000);
    for (const seconds of [1.5, 200_000_000_000, 31_557_600_000]) {
      const record = await django().call("withExpiry", { seconds });
      const { age, date } = await django().call("expiry", { record, now });
      const { expiryDate } = await site.open(record);
      expect(expiryDate.getTime() / 1000, String(seconds)).toBe(now + age);
      expect(Math.floor(expiryDate.getTime() / 1000)).toBe(date);
    }
    // Django raises OverflowError at these.
    for (const seconds of [9e12, 1e15]) {
      const { expiryDate, isNew } = await site.open(await django().call("withExpiry", { seconds }));
      expect([isNew, expiryDate.toISOString()]).toEqual([false, "9999-12-31T23:59:59.999Z"]);
    }
  });
});
