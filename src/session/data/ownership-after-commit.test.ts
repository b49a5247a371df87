import { describe, expect, test } from "vitest";
import { type Data, openTwo } from "../../../test/support/session-harness.ts";
import type { SessionStore } from "../../stores/session-store.ts";

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
