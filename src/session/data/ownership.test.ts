import { describe, expect, test } from "vitest";
import { type Data, openHarness, openTwo } from "../../../test/support/session-harness.ts";

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
  test("of one session is changed only where others have changed it", async () => {
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

  test("of one part is changed only where others have changed it", async () => {
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

  test("of two sessions shows neither of them writes to the other", async () => {
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

  test("but is replaced if the application has frozen it", async () => {
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
