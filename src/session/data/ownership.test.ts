import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type Data, openHarness } from "../../../test/support/session-harness.ts";
import type { SessionStore } from "../../stores/session-store.ts";

/** Two requests of one visitor with existing data. */
async function openTwo(stored: Data, settings: Parameters<typeof openHarness>[0] = {}) {
  const harness = openHarness(settings);
  const { cookieHeader } = await harness.sessions.create(stored);
  const open = () => harness.sessions.open(cookieHeader);
  return { ...harness, open, mine: await open(), theirs: await open() };
}

/** Contents of an object, including those that JSON does not show. */
function snapshot(value: object): string {
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(value)).map(([key, descriptor]) => {
    const inner: unknown = descriptor.value;
    return [
      key,
      { ...descriptor, value: typeof inner === "object" && inner !== null ? snapshot(inner) : inner },
    ];
  });
  return JSON.stringify([Object.isExtensible(value), descriptors]);
}

const fixed = (value: object) => Object.freeze(value);

const OWN_OBJECTS: readonly [string, () => Data][] = [
  ["a plain one", () => ({ items: { a: 1 }, list: [1, { n: 1 }] })],
  ["a frozen one", () => fixed({ items: fixed({ a: 1 }), list: fixed([1]) })],
  ["a sealed one", () => Object.seal({ items: { a: 1 }, list: [1] })],
  ["one that cannot be extended", () => Object.preventExtensions({ items: { a: 1 }, list: [1] })],
  [
    "one without a prototype",
    () => Object.assign(Object.create(null) as Data, { items: { a: 1 }, list: [1] }),
  ],
  [
    "one with a read-only property",
    () => Object.defineProperty({ list: [1] }, "items", { value: { a: 1 }, enumerable: true }),
  ],
  [
    "one with an accessor",
    () => ({
      get items() {
        return { a: 1 };
      },
      list: [1],
    }),
  ],
  ["a proxy", () => new Proxy({ items: { a: 1 }, list: [1] }, {})],
  [
    "one with a key named __proto__",
    () => JSON.parse('{"items":{"a":1,"__proto__":{"x":1}},"list":[1]}') as Data,
  ],
  [
    "one that holds another one twice",
    () => {
      const twice = { a: 1 };
      return { items: twice, list: [twice, twice] };
    },
  ],
];

describe("an object of the application is never changed", () => {
  test.each(OWN_OBJECTS)("when it was set as a part, %s", async (_, make) => {
    const { mine, theirs, open } = await openTwo({ n: 1 });
    const own = make();
    const before = snapshot(own);
    mine.data["cart"] = own;
    theirs.data["cart"] = { items: { b: 2 }, theirs: true };
    await theirs.save();
    await mine.save();
    expect(snapshot(own)).toBe(before);
    expect(mine.data["cart"].items).toMatchObject({ a: 1, b: 2 });
    expect(mine.data["cart"].theirs).toBe(true);
    expect((await open()).data["cart"]).toStrictEqual(structuredClone(mine.data["cart"]));
  });

  test.each(OWN_OBJECTS)("when it was put into an object of the session, %s", async (_, make) => {
    const { mine, theirs, open } = await openTwo({ page: { title: "x", inner: { n: 1 } } });
    const own = make();
    const before = snapshot(own);
    mine.data["page"].inner.cart = own;
    theirs.data["page"].inner.cart = { items: { b: 2 } };
    theirs.data["page"].title = "theirs";
    await theirs.save();
    await mine.save();
    expect(snapshot(own)).toBe(before);
    expect(mine.data["page"]).toMatchObject({
      title: "theirs",
      inner: { n: 1, cart: { items: { a: 1, b: 2 } } },
    });
    mine.data["more"] = 1;
    await mine.save();
    expect((await open()).data["page"]).toStrictEqual(structuredClone(mine.data["page"]));
  });

  test.each(OWN_OBJECTS)("when it was put into a list, %s", async (_, make) => {
    const { mine, open } = await openTwo({ list: [{ n: 1 }] });
    const own = make();
    const before = snapshot(own);
    mine.data["list"].push(own);
    await mine.update((data) => {
      data["list"][1].items = { c: 3 };
      data["list"].push(data["list"][1]);
    });
    expect(snapshot(own)).toBe(before);
    expect(mine.data["list"]).toHaveLength(3);
    expect((await open()).data["list"][1].items).toStrictEqual({ c: 3 });
  });

  test.each(OWN_OBJECTS)("when an update returned it or put it in, %s", async (_, make) => {
    const { mine } = await openTwo({ cart: { items: {} } });
    const own = make();
    const before = snapshot(own);
    await mine.update((data) => void (data["cart"] = own));
    mine.data["cart"].items.changed = true;
    await mine.update((data) => void (data["cart"].items.again = true));
    expect(snapshot(own)).toBe(before);
  });

  test.each(OWN_OBJECTS)("when a session began with it, %s", async (_, make) => {
    const { sessions } = openHarness();
    const own = { cart: make() };
    const before = snapshot(own);
    const [one, other] = [await sessions.create(own), await sessions.create(own)];
    one.data["cart"].items.changed = true;
    await one.save();
    expect(snapshot(own)).toBe(before);
    expect(other.data["cart"].items).not.toHaveProperty("changed");
  });

  test("when it was put in during a save", async () => {
    const { mine, theirs, open } = await openTwo({ cart: { n: 1 } });
    theirs.data["cart"].own = { theirs: 1 };
    await theirs.save();
    mine.data["cart"].mine = 1;
    const save = mine.save();
    await Promise.resolve();
    await Promise.resolve();
    const own = { late: 1 };
    mine.data["cart"].own = own;
    await save;
    expect(own).toStrictEqual({ late: 1 });
    expect(mine.data["cart"].own).toStrictEqual({ theirs: 1, late: 1 });
    await mine.save();
    expect((await open()).data["cart"]).toStrictEqual({ n: 1, own: { theirs: 1, late: 1 }, mine: 1 });
  });

  test("when it replaces the messages of flash()", async () => {
    const { mine, theirs, open } = await openTwo({ n: 1 });
    const own = fixed({ first: fixed({ kind: "info", message: "hello" }) });
    mine.data["_flash"] = own;
    mine.flash("info", "mine");
    theirs.flash("info", "theirs");
    await theirs.save();
    await mine.save();
    expect(Object.keys(own)).toStrictEqual(["first"]);
    const session = await open();
    expect(
      session
        .takeFlash("info")
        .map(({ message }) => message)
        .toSorted(),
    ).toStrictEqual(["hello", "mine", "theirs"]);
    mine.data["_flash"] = fixed({ kept: fixed({ kind: "error", message: "kept" }), ...own });
    expect(mine.takeFlash("info")).toHaveLength(1);
    expect(mine.takeFlash()).toHaveLength(1);
    expect(mine.data["_flash"]).toBeUndefined();
  });
});

describe("an object in two places", () => {
  test("of one session: a change of others at one place does not apply to the other", async () => {
    const { mine, theirs, open } = await openTwo({ shipping: { street: "A", geo: { lat: 1 } } });
    mine.data["billing"] = mine.data["shipping"];
    mine.data["nested"] = { geo: mine.data["shipping"].geo };
    theirs.data["shipping"].street = "B";
    theirs.data["shipping"].geo.lat = 2;
    await theirs.save();
    await mine.save();
    mine.data["n"] = 1;
    await mine.save();
    expect((await open()).data).toStrictEqual({
      shipping: { street: "B", geo: { lat: 2 } },
      billing: { street: "A", geo: { lat: 1 } },
      nested: { geo: { lat: 1 } },
      n: 1,
    });
  });

  test("of one part", async () => {
    const { mine, theirs, open } = await openTwo({ order: { shipping: { street: "A" } } });
    mine.data["order"].billing = mine.data["order"].shipping;
    mine.data["order"].all = [mine.data["order"].shipping];
    theirs.data["order"].shipping.street = "B";
    await theirs.save();
    await mine.save();
    await mine.update((data) => void (data["order"].n = 1));
    expect((await open()).data["order"]).toStrictEqual({
      shipping: { street: "B" },
      billing: { street: "A" },
      all: [{ street: "A" }],
      n: 1,
    });
  });

  test("of two sessions: neither sees writes to the other", async () => {
    const { mine, theirs, sessions } = await openTwo({ cart: { items: { a: 1 } } });
    const friend = await sessions.create({});
    friend.data["cart"] = mine.data["cart"];
    await friend.save();
    theirs.data["cart"].items.secret = 1;
    await theirs.save();
    await mine.update((data) => void (data["n"] = 1));
    expect(mine.data["cart"].items).toStrictEqual({ a: 1, secret: 1 });
    friend.data["n"] = 1;
    await friend.save();
    expect((await sessions.open(friend.cookieHeader)).data).toStrictEqual({
      cart: { items: { a: 1 } },
      n: 1,
    });
  });

  test("a constant that two sessions hold is replaced in each of them", async () => {
    const { sessions } = openHarness();
    const CONSTANT = { items: {} };
    const visitors = [await sessions.create({ n: 1 }), await sessions.create({ n: 2 })];
    const requests = await Promise.all(visitors.map(({ cookieHeader }) => sessions.open(cookieHeader)));
    for (const request of requests) request.data["cart"] ??= CONSTANT;
    for (const [index, visitor] of visitors.entries()) {
      visitor.data["cart"] = { items: { [index]: 1 } };
      await visitor.save();
    }
    for (const request of requests) await request.save();
    expect(CONSTANT).toStrictEqual({ items: {} });
    expect(requests.map(({ data }) => data["cart"])).toStrictEqual([
      { items: { 0: 1 } },
      { items: { 1: 1 } },
    ]);
  });
});

describe("parsed data is changed in place", () => {
  test("so references stay valid, even beside objects of the application", async () => {
    const { mine, theirs, open } = await openTwo({ cart: { items: [{ n: 1 }], note: { text: "x" } } });
    const { cart } = mine.data;
    const { items, note } = cart;
    const [item] = items;
    const own = { by: "me" };
    cart.own = own;
    theirs.data["cart"].items[0].n = 2;
    theirs.data["cart"].note.text = "theirs";
    await theirs.save();
    await mine.save();
    expect(mine.data["cart"]).toBe(cart);
    expect(cart).toStrictEqual({ items: [{ n: 2 }], note: { text: "theirs" }, own: { by: "me" } });
    expect([cart.items, cart.note, cart.items[0]]).toStrictEqual([items, note, item]);
    expect(cart.note).toBe(note);
    // It is unchanged, so it may stay.
    expect(cart.own).toBe(own);
    items.push("later");
    await mine.save();
    expect((await open()).data["cart"].items).toStrictEqual([{ n: 2 }, "later"]);
  });

  test("and replaced if the application has frozen it", async () => {
    const { mine, theirs } = await openTwo({ cart: { items: [1], note: { n: 1 } }, list: [{ n: 1 }] });
    Object.freeze(mine.data["cart"].items);
    Object.freeze(mine.data["list"][0]);
    Object.defineProperty(mine.data["cart"].note, "n", { writable: false, configurable: false });
    Object.defineProperty(mine.data["list"], "length", { writable: false });
    const { cart, list } = mine.data;
    const before = snapshot({ items: cart.items, list });
    await theirs.update((data) => {
      data["cart"].items.push(2);
      data["cart"].note.n = 2;
      data["list"][0].n = 2;
      data["list"].push(3);
    });
    await mine.update((data) => void (data["n"] = 1));
    expect(mine.data).toStrictEqual({ cart: { items: [1, 2], note: { n: 2 } }, list: [{ n: 2 }, 3], n: 1 });
    expect(mine.data["cart"]).toBe(cart);
    expect(snapshot({ items: [1], list })).not.toBe(before);
    mine.data["m"] = 1;
    await mine.save();
  });
});

describe("after a commit nothing throws", () => {
  test("for an array of 150 000 items, whichever side changed it", async () => {
    const list = Array.from({ length: 150_000 }, (_, index) => index % 10);
    const { mine, theirs } = await openTwo({ list });
    expect(mine.data["list"]).toHaveLength(150_000);
    await theirs.update((data) => void data["list"].push(1));
    await mine.update((data) => void data["list"].push(2));
    expect(mine.data["list"]).toHaveLength(150_002);
    mine.data["list"] = list;
    await theirs.update((data) => void (data["other"] = list));
    await mine.update((data) => void (data["n"] = 1));
    expect(list).toHaveLength(150_000);
  });

  test("for data that nests as deep as JSON may", async () => {
    const nested = (depth: number, leaf: unknown): unknown =>
      depth === 0 ? leaf : { a: nested(depth - 1, leaf) };
    const { mine, theirs } = await openTwo({ deep: nested(490, {}) });
    const leafOf = (data: Data): Data => {
      let at = data["deep"];
      while (at.a) at = at.a;
      return at;
    };
    leafOf(theirs.data)["theirs"] = 1;
    leafOf(mine.data)["mine"] = 1;
    await theirs.save();
    await mine.save();
    expect(leafOf(mine.data)).toStrictEqual({ theirs: 1, mine: 1 });
  });

  test("for session.data itself, frozen", async () => {
    const { mine, theirs, open } = await openTwo({ cart: { n: 1 }, unread: { n: 1 }, gone: 1, kept: 1 });
    expect(mine.data["cart"].n).toBe(1);
    const frozen = Object.freeze(mine.data);
    expect(mine.data["unread"]).toStrictEqual({ n: 1 });
    mine.data["unread"].n = 2;
    theirs.data["cart"].theirs = 1;
    theirs.data["new"] = 1;
    delete theirs.data["gone"];
    await theirs.save();
    await mine.save();
    const expected = { cart: { n: 1, theirs: 1 }, unread: { n: 2 }, kept: 1, new: 1 };
    expect((await open()).data).toStrictEqual(expected);
    expect(mine.data).toStrictEqual(expected);
    expect(mine.data).not.toBe(frozen);
    mine.data["kept"] = 2;
    await mine.save();
    Object.freeze(mine.data);
    await mine.logout();
    expect(mine.data).toStrictEqual({});
    expect(mine.isEmpty).toBe(true);
    await mine.save();
    expect((await open()).isNew).toBe(true);
  });

  test("for a part that the application has defined as an accessor", async () => {
    const { mine, theirs, open } = await openTwo({ cart: { n: 1 }, fixed: 1 });
    const cart = { n: 5 };
    Object.defineProperty(mine.data, "cart", { get: () => cart, enumerable: true, configurable: true });
    Object.defineProperty(mine.data, "fixed", { value: 7, enumerable: true, configurable: false });
    theirs.data["cart"].theirs = 1;
    theirs.data["fixed"] = 2;
    await theirs.save();
    await mine.save();
    expect((await open()).data).toStrictEqual({ cart: { n: 5, theirs: 1 }, fixed: 7 });
    expect(mine.data).toStrictEqual({ cart: { n: 5, theirs: 1 }, fixed: 7 });
    expect(cart).toStrictEqual({ n: 5 });
  });

  test("for values that can be read before the commit only", async () => {
    let isOver = false;
    const wrap = (store: SessionStore) =>
      new Proxy(store, {
        get(target, name) {
          const method: unknown = Reflect.get(target, name, target);
          if (typeof method !== "function") return method;
          return async (...args: unknown[]): Promise<unknown> => {
            const result: unknown = await Reflect.apply(method, target, args);
            isOver ||= name === "commit" && (result as { status: string }).status === "committed" && isArmed;
            return result;
          };
        },
      });
    let isArmed = false;
    const { mine, theirs, open } = await openTwo(
      { cart: { n: 1 }, proxy: { n: 1 }, n: 1, root: 1 },
      { wrap },
    );
    const once = (value: unknown): unknown => {
      if (isOver) throw new Error("read after the commit");
      return value;
    };
    expect(mine.data["cart"].n).toBe(1);
    Object.defineProperty(mine.data["cart"], "n", {
      get: () => once(2),
      enumerable: true,
      configurable: true,
    });
    mine.data["proxy"] = new Proxy<Data>({ n: 3 }, { get: (target, key) => once(target[String(key)]) });
    mine.data["list"] = [
      {
        get n() {
          return once(4);
        },
      },
    ];
    Object.defineProperty(mine.data, "root", { get: () => once(5), enumerable: true, configurable: true });
    theirs.data["cart"].theirs = 1;
    theirs.data["proxy"].theirs = 1;
    theirs.data["list"] = [];
    theirs.data["root"] = 2;
    theirs.data["n"] = 2;
    await theirs.save();
    isArmed = true;
    await mine.save();
    expect(isOver).toBe(true);
    const expected = {
      cart: { n: 2, theirs: 1 },
      proxy: { n: 3, theirs: 1 },
      n: 2,
      root: 5,
      list: [{ n: 4 }],
    };
    expect((await open()).data).toStrictEqual(expected);
    expect(mine.data["cart"]).toStrictEqual(expected.cart);
    expect(mine.data["proxy"]).toStrictEqual(expected.proxy);
  });

  test("for a part that is no longer JSON: the next save refuses it, and merges it once it is JSON again", async () => {
    const { mine, theirs, open } = await openTwo({ cart: { n: 1 } });
    theirs.data["cart"].theirs = 1;
    await theirs.save();
    mine.data["cart"].mine = 1;
    const save = mine.save();
    await Promise.resolve();
    await Promise.resolve();
    mine.data["cart"].at = new Date(0);
    mine.data["cart"].self = mine.data["cart"];
    await save;
    await expect(mine.save()).rejects.toThrow("session.data.cart.at is a Date");
    mine.data["cart"].at = 0;
    delete mine.data["cart"].self;
    await mine.save();
    expect((await open()).data["cart"]).toStrictEqual({ n: 1, theirs: 1, mine: 1, at: 0 });
  });
});

describe("the result of a schema or a migration", () => {
  const DEFAULTS = { items: {}, list: [{}] };
  const own = v.object({
    cart: v.fallback(v.record(v.string(), v.number()), {}),
    nested: v.optional(v.object({ items: v.any(), list: v.any() }), DEFAULTS),
    list: v.optional(v.array(v.any()), []),
  });

  test("is each session's own", async () => {
    const { sessions } = openHarness({ schema: own });
    const [alice, bob] = [await sessions.open(undefined), await sessions.open(undefined)];
    alice.data["cart"].secret = 1;
    alice.data["nested"].items.secret = 1;
    alice.data["nested"].list[0].secret = 1;
    alice.data["list"].push("secret");
    const empty = { cart: {}, nested: { items: {}, list: [{}] }, list: [] };
    expect(bob.data).toStrictEqual(empty);
    expect((await sessions.open(undefined)).data).toStrictEqual(empty);
    expect(DEFAULTS).toStrictEqual({ items: {}, list: [{}] });
  });

  test("is unchanged: bigint, undefined and values that only Python can write", async () => {
    const schema = v.object({
      big: v.optional(v.any(), 5n),
      some: v.optional(v.any(), { none: undefined, zero: -0, nan: Number.NaN }),
    });
    const { sessions } = openHarness({ schema });
    const { data } = await sessions.open(undefined);
    expect(data).toStrictEqual({ big: 5n, some: { none: undefined, zero: -0, nan: Number.NaN } });
  });

  test("is refused by its path if it is not JSON", async () => {
    const { sessions } = openHarness({ schema: v.object({ a: v.optional(v.any(), { at: new Date(0) }) }) });
    await expect(sessions.open(undefined)).rejects.toThrow("session.data.a.at is a Date");
    const circle: Data = {};
    circle["self"] = circle;
    const circular = openHarness({ schema: v.object({ a: v.optional(v.any(), circle) }) });
    await expect(circular.sessions.open(undefined)).rejects.toThrow(
      "session.data.a.self is a reference to one of its own",
    );
  });

  test("is each session's own after a migration too", async () => {
    const CONSTANT = { items: {} };
    const migrate = { 1: (data: Data): Data => ({ ...data, cart: CONSTANT }) };
    const { sessions, withoutSchema } = openHarness({ version: 2, migrate });
    const make = async () => (await withoutSchema().create({ n: 1 })).cookieHeader;
    const [alice, bob] = [await sessions.open(await make()), await sessions.open(await make())];
    alice.data["cart"].items.secret = 1;
    expect(bob.data["cart"]).toStrictEqual({ items: {} });
    expect(CONSTANT).toStrictEqual({ items: {} });
  });
});
