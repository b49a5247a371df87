import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import {
  isCopyOfRequest,
  letEventStandForRequest,
  letStandFor,
  linkTargetOf,
  makeObjectLinks,
} from "./object-links.ts";

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

test("a value can be replaced", () => {
  const links = makeObjectLinks<string | undefined>();
  for (const object of [{}, Object.freeze({})]) {
    links.set(object, "first");
    links.set(object, undefined);
    expect(links.get(object)).toBeUndefined();
  }
});

test("a stream is linked by its state, and anything else by itself", () => {
  const stream = new Readable();
  const target = linkTargetOf(stream);
  expect(target).not.toBe(stream);
  expect(linkTargetOf(Object.create(stream) as object)).toBe(target);
  for (const other of [{}, { _readableState: "text" }, undefined, null, "text"])
    expect(linkTargetOf(other)).toBe(other);
});

test("a proxy of a request is a copy, which does not stand for it, nor does an event of h3 1 around it", () => {
  const request = new Readable();
  const proxy = new Proxy(request, {});
  const event = { node: { req: proxy, res: {} }, req: proxy, res: {} };
  for (const copy of [proxy, event]) {
    expect(linkTargetOf(copy)).toBe(copy);
    expect(isCopyOfRequest(copy)).toBe(true);
  }
  for (const other of [request, { node: { req: request } }, {}, undefined, "text"])
    expect(isCopyOfRequest(other)).toBe(false);
});

test("an event stands for its request, and not for a copy that a cache gives it", () => {
  const request = new Request("http://localhost/");
  const event = { req: request };
  letEventStandForRequest(event);
  expect(linkTargetOf(event)).toBe(request);
  event.req = new Proxy(request, { get: (target, part) => Reflect.get(target, part) });
  expect([linkTargetOf(event), isCopyOfRequest(event)]).toEqual([request, false]);
  event.req = new Request(request, { method: "POST" });
  expect(linkTargetOf(event)).toBe(request);
  event.req = new Request(request);
  expect(linkTargetOf(event)).toBe(event);
  expect(isCopyOfRequest(event)).toBe(true);
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

describe("the link target", () => {
  const state = {};
  const request = { _readableState: state };

  test.each([
    ["a Node request", request],
    ["a request of Fastify", { raw: request }],
    ["a context of Koa", { req: request, res: {} }],
    ["a context that inherits it", Object.create({ req: request, res: {} }) as object],
  ])("of %s is the stream state of the Node request", (_name, wrapper) => {
    expect(linkTargetOf(wrapper)).toBe(state);
  });

  test.each([
    ["a Node response", { req: request }],
    ["a web request", new Request("http://localhost/")],
    ["a wrapper of a web request", { raw: new Request("http://localhost/") }],
    ["a plain object", {}],
    ["a text", "text"],
    ["nothing", undefined],
  ])("of %s is itself", (_name, value) => {
    expect(linkTargetOf(value)).toBe(value);
  });

  test("of an object that stands for a request is that of the request", () => {
    const [context, webRequest, frozen] = [{}, new Request("http://localhost/"), Object.freeze({})];
    letStandFor(webRequest, request);
    letStandFor(context, webRequest);
    letStandFor(frozen, webRequest);
    for (const each of [webRequest, context, frozen]) expect(linkTargetOf(each)).toBe(state);
  });

  test("of a request that stands for itself is itself", () => {
    const webRequest = new Request("http://localhost/");
    letStandFor(webRequest, webRequest);
    expect(linkTargetOf(webRequest)).toBe(webRequest);
  });

  test("of Hono's context is found without its response, which is made when it is read", () => {
    let isMade = false;
    const context = {
      req: { raw: new Request("http://localhost/") },
      get res() {
        isMade = true;
        return new Response();
      },
    };
    expect(linkTargetOf(context)).toBe(context);
    expect(isMade).toBe(false);
  });
});
