import { expect, test } from "vitest";
import { makeObjectLinks } from "./object-links.ts";

test("an object has the value that was set, and no other one has", () => {
  const links = makeObjectLinks<string>();
  const [one, other] = [{}, {}];
  links.set(one, "one");
  expect(links.get(one)).toBe("one");
  expect(links.get(other)).toBeUndefined();
});

test.each([undefined, null, 1, "text"])("%j has no value", (value) => {
  expect(makeObjectLinks<string>().get(value)).toBeUndefined();
});

test("links of different kinds do not meet", () => {
  const [names, ages] = [makeObjectLinks<string>(), makeObjectLinks<number>()];
  const object = {};
  names.set(object, "ada");
  ages.set(object, 36);
  expect([names.get(object), ages.get(object)]).toStrictEqual(["ada", 36]);
});

test("a link is invisible: no key, no copy, no change of the object's equality", () => {
  const links = makeObjectLinks<string>();
  const object = { a: 1 };
  links.set(object, "linked");
  expect(Reflect.ownKeys(object)).toStrictEqual(["a"]);
  expect(links.get({ ...object })).toBeUndefined();
  expect(links.get(Object.create(object) as object)).toBeUndefined();
  expect(links.get(structuredClone(object))).toBeUndefined();
  expect(object).toStrictEqual({ a: 1 });
});

test.each([
  ["a frozen object", Object.freeze({})],
  ["a sealed object", Object.seal({})],
  ["a proxy", new Proxy({}, {})],
  ["a function", () => {}],
  ["an object without a prototype", Object.create(null) as object],
])("%s can be linked", (_name, object) => {
  const links = makeObjectLinks<string>();
  expect(links.get(object)).toBeUndefined();
  links.set(object, "linked");
  expect(links.get(object)).toBe("linked");
});
