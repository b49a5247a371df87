import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { SessionData } from "./session-data.ts";
import { SessionRecord } from "../record/session-record.ts";

type Data = Record<string, any>;

function dataOf(payload: string): SessionData<Data> {
  return new SessionData<Data>(SessionRecord.parse(payload));
}

describe("the changes", () => {
  test("none, while parts are only read", () => {
    const data = dataOf('{"f":1.0,"n":NaN,"o":{"2":1,"1":2},"s":"\\u00e9","big":12345678901234567890}');
    expect(data.delta().size).toBe(0);
    expect(data.object).toMatchObject({
      f: 1,
      n: Number.NaN,
      o: { 1: 2, 2: 1 },
      s: "é",
      big: 12345678901234567890n,
    });
    expect(data.delta().size).toBe(0);
  });

  test("parts that were set, changed inside, added and deleted", () => {
    const data = dataOf('{"set":1,"inside":{"a":[1]},"gone":1,"undefined":1,"same":1.0}');
    data.object["set"] = 2;
    data.object["inside"].a.push(2);
    delete data.object["gone"];
    data.object["undefined"] = undefined;
    data.object["same"] = 1;
    data.object["added"] = null;
    expect([...data.delta()]).toStrictEqual([
      ["set", "2"],
      ["inside", '{"a":[1,2]}'],
      ["added", "null"],
      ["gone", undefined],
      ["undefined", undefined],
    ]);
  });

  test("a part that was restored is not a change", () => {
    const data = dataOf('{"a":[1]}');
    data.object["a"].push(2);
    data.object["a"].pop();
    expect(data.delta().size).toBe(0);
  });

  test("a value of another type names its path", () => {
    const data = dataOf("{}");
    data.object["cart"] = { items: [{ addedAt: new Date(0) }] };
    expect(() => data.delta()).toThrow("session.data.cart.items[0].addedAt is a Date");
  });

  test("Python's NaN stays while its part is unchanged, and is refused when it changes", () => {
    const data = dataOf('{"o":{"n":NaN}}');
    expect(data.object["o"].n).toBeNaN();
    expect(data.delta().size).toBe(0);
    data.object["o"].other = 1;
    expect(() => data.delta()).toThrow("session.data.o.n is NaN");
  });

  test("a key with a lone surrogate is refused, unless Python has written it", () => {
    const data = dataOf('{"\\ud801":1}');
    data.object["\ud800"] = 1;
    expect(() => data.delta()).toThrow("is a string with a lone surrogate");
    delete data.object["\ud800"];
    expect(data.object["\ud801"]).toBe(1);
    expect(data.delta().size).toBe(0);
    data.object["\ud801"] = 2;
    expect([...data.delta()]).toStrictEqual([["\ud801", "2"]]);
  });

  test("the reserved key is refused", () => {
    const data = dataOf('{"_sojourn":{"nonce":"0"}}');
    expect(Object.keys(data.object)).toStrictEqual([]);
    data.object["_sojourn"] = {};
    expect(() => data.delta()).toThrow("session.data._sojourn is reserved");
  });

  test("a change during a commit belongs to the next one", () => {
    const data = dataOf('{"n":1}');
    data.object["n"] = 2;
    const delta = data.delta();
    data.object["n"] = 3;
    data.markSaved(delta);
    expect([...data.delta()]).toStrictEqual([["n", "3"]]);
  });
});

describe("the object", () => {
  test("is plain: keys, spread, JSON, equality and console show values", () => {
    const data = dataOf('{"a":1,"b":{"c":[2]}}');
    expect(Object.keys(data.object)).toStrictEqual(["a", "b"]);
    expect(inspect(data.object)).toBe("{ a: 1, b: { c: [ 2 ] } }");
    expect(JSON.stringify(data.object)).toBe('{"a":1,"b":{"c":[2]}}');
    expect({ ...data.object }).toStrictEqual({ a: 1, b: { c: [2] } });
    expect(data.object).toStrictEqual({ a: 1, b: { c: [2] } });
    expect(structuredClone(data.object)).toStrictEqual({ a: 1, b: { c: [2] } });
  });

  test("a key named __proto__ in a record is a key", () => {
    const data = dataOf('{"__proto__":{"polluted":true}}');
    expect(Object.keys(data.object)).toStrictEqual(["__proto__"]);
    expect(data.object["polluted"]).toBeUndefined();
    expect(data.delta().size).toBe(0);
  });
});

describe("rebasing onto changes of others", () => {
  test("unread parts are replaced", () => {
    const data = dataOf('{"a":1,"b":2}');
    data.rebaseOnto(SessionRecord.parse('{"a":5,"c":3}'));
    expect(data.delta().size).toBe(0);
    expect({ ...data.object }).toStrictEqual({ a: 5, c: 3 });
  });

  test("the application's references stay valid", () => {
    const data = dataOf('{"cart":{"items":[1],"note":"x"}}');
    const { cart } = data.object;
    const { items } = cart;
    data.rebaseOnto(SessionRecord.parse('{"cart":{"items":[1,2],"by":"them"}}'));
    expect(data.object["cart"]).toBe(cart);
    expect(cart).toStrictEqual({ items: [1, 2], by: "them" });
    expect(cart.items).toBe(items);
    items.push(3);
    expect([...data.delta()]).toStrictEqual([["cart", '{"items":[1,2,3],"by":"them"}']]);
  });

  test("keys that they inserted before others are not a change of this side", () => {
    const data = dataOf('{"o":{"a":1,"b":2}}');
    expect(data.object["o"].a).toBe(1);
    data.rebaseOnto(SessionRecord.parse('{"o":{"new":0,"b":2,"a":1}}'));
    expect(data.delta().size).toBe(0);
  });

  test("a change made meanwhile stays, and is still a change", () => {
    const data = dataOf('{"o":{"a":1},"gone":1}');
    data.object["o"].mine = 1;
    data.object["gone"] = 2;
    data.rebaseOnto(SessionRecord.parse('{"o":{"a":1,"theirs":2}}'));
    expect(data.object).toStrictEqual({ o: { a: 1, theirs: 2, mine: 1 }, gone: 2 });
    expect([...data.delta()]).toStrictEqual([
      ["o", '{"a":1,"theirs":2,"mine":1}'],
      ["gone", "2"],
    ]);
  });

  test("a message that was added while the last one was taken is shown, and stays in the store", () => {
    const data = dataOf('{"_flash":{"m1":1}}');
    delete data.object["_flash"].m1;
    delete data.object["_flash"];
    data.rebaseOnto(SessionRecord.parse('{"_flash":{"m1":1,"m2":2}}'));
    expect(data.object).toStrictEqual({ _flash: { m2: 2 } });
    expect([...data.delta()]).toStrictEqual([["_flash", '{"m2":2}']]);
  });

  test("a message that was left while others took the last one is alone", () => {
    const data = dataOf('{"_flash":{"m1":1}}');
    data.object["_flash"].m2 = 2;
    data.rebaseOnto(SessionRecord.parse("{}"));
    expect(data.object).toStrictEqual({ _flash: { m2: 2 } });
  });
});
