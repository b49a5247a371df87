import { describe, expect, test } from "vitest";
import { navigationOf, navigationResponse } from "./navigation.ts";

function withDigest(digest: unknown): Error {
  return Object.assign(new Error("as Next throws it"), { digest });
}

function thrownBy(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

describe("navigationOf", () => {
  test.each([
    ["NEXT_REDIRECT;replace;/cart;307;", { status: 307, location: "/cart" }],
    ["NEXT_REDIRECT;push;/a;b;c;308;", { status: 308, location: "/a;b;c" }],
    ["NEXT_HTTP_ERROR_FALLBACK;404", { status: 404 }],
    ["NEXT_HTTP_ERROR_FALLBACK;403", { status: 403 }],
  ])("%s", (digest, navigation) => {
    expect(navigationOf(withDigest(digest))).toEqual(navigation);
  });

  test.each([
    [withDigest("DYNAMIC_SERVER_USAGE")],
    [withDigest(7)],
    [new Error("other")],
    [undefined],
    ["text"],
  ])("nothing for %s", (error) => {
    expect(navigationOf(error)).toBeUndefined();
    expect(thrownBy(() => navigationResponse(error))).toBe(error);
  });
});
