import { describe, expect, test } from "vitest";
import { earlierSource, MemoryEarlierRecords } from "../../../test/support/earlier-records.ts";
import { openHarness, withMembers, withoutTombstones } from "../../../test/support/session-harness.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { StoreConnectionError } from "../../core/errors.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";
import type { SessionStore } from "../../stores/session-store.ts";

interface Options {
  readonly moves?: boolean;
  readonly format?: Parameters<typeof earlierSource>[1];
  readonly wrap?: (store: SessionStore) => SessionStore;
}

const ID = "one";
const HEADER = `earlier=${ID}`;
const RECORD = '{"own":1,"user":"ann","cart":{"tea":1},"old":true}';

function open({ moves = true, format, wrap }: Options = {}) {
  const records = new MemoryEarlierRecords();
  records.texts.set(ID, RECORD);
  const takeOver = { from: earlierSource(records, format), moves };
  const harness = openHarness({ takeOver, ...(wrap && { wrap }) });
  return { ...harness, records, visit: () => harness.sessions.open(HEADER) };
}

const lost = (): never => {
  throw new StoreConnectionError("lost", { outcome: "unknown" });
};

describe("a session that is taken over while", () => {
  test("another server changes its record: the change is merged", async () => {
    const { records, visit } = open();
    records.before = () => {
      records.before = () => {};
      records.texts.set(ID, '{"own":1,"user":"ann","cart":{"tea":1,"milk":1}}');
    };
    const session = await visit();
    expect(session.data).toStrictEqual({ _auth_user_id: "ann", user: "ann", cart: { tea: 1, milk: 1 } });
    expect(records.texts.size).toBe(0);
  });

  test("another server logs the visitor out: it ends", async () => {
    const { records, visit, keys, sessions } = open();
    records.before = () => void records.texts.delete(ID);
    expect((await visit()).isNew).toBe(true);
    expect(await keys()).toStrictEqual([]);
    expect((await sessions.pageOfUser("ann")).sessions).toStrictEqual([]);
  });

  test("another server spoils the record: the session as it was, and the record stays", async () => {
    const { records, visit } = open();
    records.before = () => void records.texts.set(ID, "{");
    expect((await visit()).userId).toBe("ann");
    expect(records.texts.get(ID)).toBe("{");
  });

  test("the record cannot be deleted: it is there once, and not taken over again", async () => {
    const { records, visit, keys } = open();
    records.before = lost;
    const session = await visit();
    expect((await visit()).ref).toBe(session.ref);
    expect([records.texts.size, await keys()]).toMatchObject([1, [expect.any(String)]]);
    await (await visit()).logout();
    expect((await visit()).isNew).toBe(true);
  });
});

describe("requests of one process at the same time", () => {
  test("share one move", async () => {
    const { visit, calls, sessions } = open();
    const visits = await Promise.all(Array.from({ length: 20 }, visit));
    expect(new Set(visits.map(({ ref }) => ref)).size).toBe(1);
    expect(calls.filter((name) => name === "create")).toHaveLength(1);
    visits.forEach(({ data }, number) => (data[`part${number}`] = number));
    await Promise.all(visits.map((session) => session.save()));
    const { data } = await sessions.open(visits[0]?.cookieHeader);
    expect(Object.keys(data).filter((name) => name.startsWith("part"))).toHaveLength(20);
  });

  test("share no failure", async () => {
    let failures = 1;
    const away = (store: SessionStore) =>
      withMembers(store, {
        create: (...args: Parameters<SessionStore["create"]>) => {
          if (failures-- > 0) throw new StoreConnectionError("away", { outcome: "not-sent" });
          return store.create(...args);
        },
      });
    const { visit } = open({ wrap: away });
    const visits = await Promise.allSettled([visit(), visit(), visit()]);
    expect(visits.map(({ status }) => status)).toStrictEqual(["rejected", "fulfilled", "fulfilled"]);
  });
});

describe("a failure of the store", () => {
  test("before the new key is remembered: nothing is left, and the next request takes it over", async () => {
    let isFailing = true;
    const { visit, keys, records } = open({
      wrap: (store) =>
        withMembers(store, {
          tombstones: store.tombstones && {
            ...bound(store.tombstones),
            add: (...args: Parameters<NonNullable<SessionStore["tombstones"]>["add"]>) => {
              if (isFailing) throw new StoreConnectionError("away", { outcome: "not-sent" });
              return store.tombstones?.add(...args);
            },
          },
        }),
    });
    await expect(visit()).rejects.toThrow("away");
    expect([await keys(), records.texts.size]).toStrictEqual([[], 1]);
    isFailing = false;
    expect((await visit()).userId).toBe("ann");
  });
});

describe("the remaining ends", () => {
  test.each([true, false])("sessions.revokeUser() with scan, moves: %s", async (moves) => {
    const { sessions, records, visit } = open({ moves });
    records.texts.set("two", '{"user":"ann"}');
    records.texts.set("three", '{"user":"eve"}');
    await visit();
    expect(await sessions.revokeUser("ann", { scan: true })).toBe(2);
    expect((await visit()).isNew).toBe(true);
    expect([...records.texts.keys()]).toStrictEqual(["three"]);
  });

  test("sessions.revokeUser() keeps the given session, where it is", async () => {
    const { sessions, records, visit } = open({ moves: false });
    records.texts.set("two", '{"user":"ann"}');
    expect(await sessions.revokeUser("ann", { scan: true, except: await visit() })).toBe(1);
    expect([...records.texts.keys()]).toStrictEqual([ID]);
  });

  test("sessions.revokeAll()", async () => {
    const { sessions, records, visit } = open();
    records.texts.set("two", "{}");
    await visit();
    expect(await sessions.revokeAll()).toBe(2);
    expect([(await visit()).isNew, records.texts.size]).toStrictEqual([true, 0]);
  });
});

describe("sessions that stay in their records", () => {
  const end = 5_000_000_000_000;
  const format = {
    endOf: ({ own }: { own?: unknown }) => Number(own),
    ownMembers: () => ({ own: end }),
  };

  test("a library that heeds the stated end finds a new one after each extension", async () => {
    const { records, sessions } = open({ moves: false, format });
    records.texts.set(ID, JSON.stringify({ own: end - 1, user: "ann" }));
    const session = await sessions.open(HEADER);
    expect(await session.touch()).toBe(true);
    expect(JSON.parse(records.texts.get(ID) ?? "")).toMatchObject({ own: end, user: "ann" });
  });

  test("a stated end that has passed", async () => {
    const { sessions } = open({ moves: false, format });
    expect((await sessions.open(HEADER)).isNew).toBe(true);
  });

  test("a login has one ref and one id for every request", async () => {
    const { visit, sessions, records } = open({ moves: false });
    const session = await visit();
    await session.login("eve");
    const next = await sessions.open(session.cookieHeader);
    expect(next).toMatchObject({ ref: session.ref, userId: "eve" });
    expect([...records.texts.keys()]).toStrictEqual([session.cookieHeader?.replace("earlier=", "")]);
  });

  test("parallel changes are merged, a logout is final, and setExpiry() is kept", async () => {
    const { visit, records } = open({ moves: false });
    const [one, two] = [await visit(), await visit()];
    one.data["a"] = 1;
    two.data["b"] = 2;
    one.setExpiry(60);
    await Promise.all([one.save(), two.save()]);
    const third = await visit();
    expect(third.data).toMatchObject({ a: 1, b: 2, cart: { tea: 1 }, _session_expiry: 60 });
    expect(JSON.parse(records.texts.get(ID) ?? "")).toMatchObject({ own: 1, user: "ann", a: 1, b: 2 });
    await third.logout();
    one.data["c"] = 3;
    await expect(one.save()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    expect(records.texts.size).toBe(0);
  });
});

describe("a session that another process has moved since this one has read it", () => {
  async function openMoved() {
    const { records, visit, store, clock, keys } = open({ moves: false });
    const mover = createSojourn({
      projectName: "test",
      secretKey: "a secret of the tests, long enough",
      clock,
      sessions: { store: () => store, takeOver: { from: earlierSource(records), moves: true } },
    }).sessions;
    const session = await visit();
    const moved = await mover.open(HEADER);
    return { session, moved, visit, keys, mover };
  }

  test("is found by its earlier cookie", async () => {
    const { moved, visit } = await openMoved();
    expect(await visit()).toMatchObject({ ref: moved.ref, data: { cart: { tea: 1 } } });
  });

  test("is ended by a logout here", async () => {
    const { session, moved, visit, keys } = await openMoved();
    await session.logout();
    expect([await moved.isAlive(), await keys(), (await visit()).isNew]).toStrictEqual([false, [], true]);
  });

  test.each(["save", "login"] as const)("refuses a %s here", async (name) => {
    const { session, moved, keys } = await openMoved();
    session.data["late"] = true;
    await expect(name === "save" ? session.save() : session.login("eve")).rejects.toMatchObject({
      code: "ERR_SESSION_INTERRUPTED",
    });
    expect([await moved.isAlive(), (await keys()).length]).toStrictEqual([true, 1]);
  });

  test("is not extended here, which fails no request", async () => {
    const { session } = await openMoved();
    expect(await session.touch()).toBe(false);
  });
});

describe("wrong settings", () => {
  const from = earlierSource(new MemoryEarlierRecords());
  const make = (sessions: object) =>
    createSojourn({ projectName: "p", secretKey: "a secret of the tests, long enough", sessions });

  test.each([
    [
      { takeOver: {} },
      "sessions.takeOver.from: expected a source such as expressSessionSource(), or several",
    ],
    [{ takeOver: { from: [] } }, "sessions.takeOver.from: expected a source"],
    [{ takeOver: { from, move: true } }, 'did you mean "moves"?'],
    [{ takeOver: { from, moves: 1 } }, "sessions.takeOver.moves: expected true or false"],
    [
      { takeOver: { from }, store: cookieSessionStore({ acceptsLostUpdates: true }) },
      "sessions.takeOver: expected none with the store",
    ],
  ])("%#: %s", (sessions, message) => {
    expect(() => make(sessions)).toThrow(message);
  });

  test("a store without tombstones", () => {
    expect(() => openHarness({ takeOver: { from }, wrap: withoutTombstones })).toThrow(
      "take the same session over",
    );
  });

  test("takeOverAll() without a source, and with a wrong option", async () => {
    const { sessions } = openHarness();
    await expect(sessions.takeOverAll()).rejects.toThrow("sessions.takeOver: expected { from }");
    await expect(sessions.takeOverAll({ dry: true } as never)).rejects.toThrow('"dry"');
    await expect(sessions.takeOverAll({ dryRun: 1 } as never)).rejects.toThrow("dryRun as a boolean");
  });
});

/** The methods of an object, for an object that replaces some of them. */
function bound<Value extends object>(value: Value): Value {
  const prototype = Object.getPrototypeOf(value) as Record<string, (...args: unknown[]) => unknown>;
  const names = Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
  return Object.fromEntries(
    names.map((name) => [name, (...args: unknown[]) => prototype[name]?.apply(value, args)]),
  ) as Value;
}
