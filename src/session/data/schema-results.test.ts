import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type Data, openHarness } from "../../../test/support/session-harness.ts";

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
