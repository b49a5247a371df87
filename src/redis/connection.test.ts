import { expect, test } from "vitest";

import { Deadline } from "../core/deadlines.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { RedisConnection } from "./connection.ts";
import { type RedisDriver, type RedisDriverFactory, SOLE_NODE } from "./driver.ts";
import { type RedisDriverNode, RedisNode } from "./node.ts";

const NODE: RedisDriverNode = {
  name: SOLE_NODE,
  send: () => Promise.resolve("PONG"),
  explain: (cause) => ({ kind: "lost", cause }),
  distrust: () => true,
  sever: () => {},
};

function driverOf(driverNode: RedisDriverNode): RedisDriver {
  const node = new RedisNode(driverNode);
  return {
    isReady: true,
    masters: [SOLE_NODE],
    ownedNodes: [node],
    connect: () => Promise.resolve(),
    nodeFor: () => node,
    masterNamed: () => node,
    explain: (cause) => ({ kind: "lost", cause }),
    destroy: () => {},
  };
}

test("the end of a link that tracks keys is told before its late answers come", async () => {
  let answer: (reply: string) => void = () => {};
  const late = driverOf({ ...NODE, send: () => new Promise((resolve) => void (answer = resolve)) });
  let isReady = true;
  const drivers = [Object.defineProperty(late, "isReady", { get: () => isReady }), driverOf(NODE)];
  const driver: RedisDriverFactory = Object.assign(() => Promise.resolve(drivers[0] as RedisDriver), {
    tracking: () => () => Promise.resolve(drivers.shift() as RedisDriver),
  });
  const usual = new RedisConnection({ name: "default", driver, connectTimeout: 1000, stallTimeout: 60_000 });
  const told: string[] = [];
  const listener = { onChange: () => {}, onLinkEnd: () => void told.push("end") };
  const connection = usual.tracking(listener);
  const slow = connection.command(["GET", "k"], new Deadline(60_000)).then(() => told.push("answer"));
  await new Promise((resolve) => void setImmediate(resolve));
  isReady = false;
  expect(await connection.command(["PING"], new Deadline(60_000))).toBe("PONG");
  expect(told).toEqual(["end"]);
  answer("late");
  await slow;
  expect(told).toEqual(["end", "answer"]);
  await usual.close();
});

/** A connection whose client library is loaded on the test's signal. */
function openSlowly(): {
  connection: RedisConnection;
  clock: ManualClock;
  finish: () => void;
  loads: () => number;
} {
  const clock = new ManualClock();
  let finish = (): void => {};
  let loads = 0;
  const loaded = new Promise<void>((resolve) => void (finish = resolve));
  const driver: RedisDriverFactory = Object.assign(() => Promise.resolve(driverOf(NODE)), {
    load: () => {
      loads++;
      return loaded;
    },
  });
  const connection = new RedisConnection({
    name: "default",
    driver,
    connectTimeout: 1000,
    stallTimeout: 1000,
    clock,
  });
  return { connection, clock, finish, loads: () => loads };
}

test("loading the client library does not count towards a deadline, however long it takes", async () => {
  const { connection, clock, finish, loads } = openSlowly();
  const replies = [1, 2].map(() => connection.command(["PING"], new Deadline(100, clock)));
  clock.advance(60_000);
  finish();
  expect(await Promise.all(replies)).toEqual(["PONG", "PONG"]);
  expect(loads()).toBe(1);
});

test("a command that waits for the client library is answered before its connection closes", async () => {
  const { connection, clock, finish } = openSlowly();
  const reply = connection.command(["PING"], new Deadline(100, clock));
  const closed = connection.close();
  finish();
  expect(await reply).toBe("PONG");
  await closed;
});

test("a prepared connection loads the client library once, and before any command", async () => {
  const { connection, clock, finish, loads } = openSlowly();
  connection.prepare();
  connection.prepare();
  expect(loads()).toBe(1);
  finish();
  await connection.command(["PING"], new Deadline(100, clock));
  expect(loads()).toBe(1);
});

test("a command that the client refused, since its connection was being given up, is sent again", async () => {
  let refusals = 1;
  const driver = driverOf({
    ...NODE,
    send: () => (refusals-- > 0 ? Promise.reject(new Error("offline")) : Promise.resolve("PONG")),
    explain: (cause) => ({ kind: "refused", cause }),
  });
  const connection = new RedisConnection({
    name: "default",
    driver: () => Promise.resolve(driver),
    connectTimeout: 1000,
    stallTimeout: 1000,
  });
  expect(await connection.command(["PING"], new Deadline(1000))).toBe("PONG");
  refusals = Number.POSITIVE_INFINITY;
  await expect(connection.command(["PING"], new Deadline(100))).rejects.toMatchObject({
    outcome: "not-sent",
  });
});
