import { describe, expect, test, vi } from "vitest";

import { Deadline } from "../../../core/deadlines.ts";
import { ImproperlyConfigured } from "../../../core/errors.ts";
import { ManualClock } from "../../../testing/manual-clock.ts";
import { type PoolCall, runCall } from "./current-call.ts";
import { discardStalled } from "./discard-stalled.ts";
import { PoolHealth } from "./pool-health.ts";

const HOUR = 3_600_000;

describe("discardStalled", () => {
  test.each([
    undefined,
    null,
    {},
    "postgres://localhost",
    { query: () => {} },
    { getConnection: () => {}, pool: {} },
  ])("refuses %o where a pool is expected", (pool) => {
    expect(() => discardStalled(pool as never)).toThrow(ImproperlyConfigured);
    expect(() => discardStalled(pool as never)).toThrow(
      "discardStalled.pool: expected a Pool of pg, or a pool of mysql2",
    );
  });

  test("refuses an unknown option, and an invalid time", () => {
    const pool = { connect: () => Promise.reject(new Error("any")), end: () => Promise.resolve() };
    expect(() => discardStalled(pool, { querytimeout: "1s" } as never)).toThrow(
      'did you mean "queryTimeout"?',
    );
    expect(() => discardStalled(pool, { queryTimeout: 0 })).toThrow(
      "discardStalled.queryTimeout: expected seconds",
    );
  });

  test("passes on errors of the pool, and its end", async () => {
    const ended = vi.fn(() => Promise.resolve());
    const pool = discardStalled({ connect: () => Promise.reject(new Error("no connection")), end: ended });
    await expect(pool.connect()).rejects.toThrow("no connection");
    await pool.end();
    expect(ended).toHaveBeenCalledOnce();
  });

  test("releases a client once, and recognises it", async () => {
    const released: unknown[] = [];
    const client = {
      query: () => Promise.resolve({ rows: [] }),
      release: (destroy?: boolean) => released.push(destroy),
    };
    const pool = discardStalled({ connect: () => Promise.resolve(client), end: () => Promise.resolve() });
    const first = await pool.connect();
    await first.query("SELECT 1", []);
    first.release();
    first.release();
    expect(released).toEqual([false]);
    expect(await pool.connect()).toBe(first);
  });
});

describe("PoolHealth", () => {
  function open(queryTimeout?: number) {
    const clock = new ManualClock();
    const health = new PoolHealth(clock, queryTimeout);
    const destroyed: string[] = [];
    const connect = (name: string) => health.watch({ destroy: () => destroyed.push(name) });
    return { clock, health, destroyed, connect };
  }
  type Opened = ReturnType<typeof open>;

  const answer = (connection: ReturnType<Opened["connect"]>, error?: unknown) =>
    new Promise<void>((resolve) =>
      connection.run<string>(
        (done) => done(error, "row"),
        () => resolve(),
      ),
    );

  const call = (span: number): PoolCall => ({ deadline: new Deadline(span), isWatched: false });

  test("the application's statements have no time limit, or queryTimeout; a session's have their deadline and a second", async () => {
    expect(open().health.span).toBeUndefined();
    expect(open(5000).health.span).toBe(5000);
    await runCall(call(HOUR), async () => {
      expect(open(5000).health.span).toBeGreaterThan(HOUR);
      expect(open(5000).health.span).toBeLessThanOrEqual(HOUR + 1000);
    });
  });

  test("a stalled connection is discarded, answers with an error once, and takes no other statement", async () => {
    const { destroyed, connect } = open(5);
    const connection = connect("one");
    let late: (error: unknown, value?: string) => void = () => {};
    const errors: unknown[] = [];
    await new Promise<void>((resolve) =>
      connection.run<string>(
        (done) => (late = done),
        (error) => (errors.push(error), resolve()),
      ),
    );
    late(undefined, "late");
    expect(errors).toMatchObject([{ code: "CONNECTION_STALLED" }]);
    expect(destroyed).toEqual(["one"]);
    expect(connection.check()).toBe(false);
    const sent = vi.fn();
    connection.run(sent, (error) => errors.push(error));
    expect(sent).not.toHaveBeenCalled();
    expect(errors).toHaveLength(2);
  });

  test("connections that have been silent since go with it, and none that has answered", async () => {
    const { clock, health, destroyed, connect } = open();
    const [silent, speaking] = [connect("silent"), connect("speaking")];
    clock.advance(1000);
    const sentAt = health.now();
    clock.advance(1);
    await answer(speaking);
    health.noteStall(sentAt);
    expect([silent.check(), speaking.check(), connect("new").check()]).toEqual([false, true, true]);
    expect(destroyed).toEqual(["silent"]);
  });

  test("a report that a server is read-only closes open connections, but not those younger than a second", async () => {
    const { clock, destroyed, connect } = open();
    const readOnly = Object.assign(new Error("read-only"), { code: "25006" });
    const [young, other] = [connect("young"), connect("other")];
    await answer(young, readOnly);
    expect(young.check()).toBe(true);
    clock.advance(1000);
    await answer(young, readOnly);
    clock.advance(1);
    expect([young.check(), other.check(), connect("new").check()]).toEqual([false, false, true]);
    expect(destroyed).toEqual(["young", "other"]);
  });

  test("other errors say nothing about a connection", async () => {
    const { clock, connect } = open();
    const connection = connect("one");
    clock.advance(5000);
    await answer(connection, Object.assign(new Error("missing"), { code: "42P01" }));
    expect(connection.check()).toBe(true);
  });
});
