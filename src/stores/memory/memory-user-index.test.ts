import { expect, test } from "vitest";

import { Deadline } from "../../core/deadlines.ts";
import { newSessionKey } from "../../core/ids.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { MemorySessionStore } from "./memory-session-store.ts";

const later = () => new Deadline(60_000);
const HOUR = 3_600_000;

function open() {
  const clock = new ManualClock();
  return { clock, store: new MemorySessionStore(clock) };
}

test("an epoch is kept for the requested time, and no longer", async () => {
  const { clock, store } = open();
  await store.users.revoke("7", "a", HOUR, later());
  clock.advance(HOUR - 1);
  expect(await store.users.epoch("7", later())).toBe("a");
  clock.advance(1);
  expect(await store.users.epoch("7", later())).toBe("");
});

test("the last 10 000 revocations are remembered", async () => {
  const { store } = open();
  for (let user = 0; user <= 10_000; user++) await store.users.revoke(String(user), "a", HOUR, later());
  expect(await store.users.epoch("0", later())).toBe("");
  expect(await store.users.epoch("1", later())).toBe("a");
});

test("clearExpired drops entries that have been kept long enough, and so do additions before there are twice as many", async () => {
  const { clock, store } = open();
  const list = async (user: number) => {
    const now = clock.now();
    const entry = { createdAt: now, lastSeenAt: now, keepUntil: now + HOUR, device: "" };
    const session = { key: newSessionKey(), entry };
    await store.users.add(String(user), session, { now, slack: 0, most: undefined }, later());
  };
  const count = async (users: number) => {
    let listed = 0;
    for (let user = 0; user < users; user++) {
      listed += (await store.users.page(String(user), { after: undefined, limit: 10 }, later())).sessions
        .length;
    }
    return listed;
  };
  for (let user = 0; user < 900; user++) await list(user);
  clock.advance(HOUR);
  for (let user = 900; user < 1100; user++) await list(user);
  expect(await count(1100)).toBe(200);
  clock.advance(HOUR);
  expect(await count(1100)).toBe(200);
  await store.clearExpired(later);
  expect(await count(1100)).toBe(0);
});

test("a list of 20 000 sessions is read, changed and emptied in short steps", async () => {
  const { clock, store } = open();
  const now = clock.now();
  const keys = Array.from({ length: 20_000 }, newSessionKey);
  for (const [at, key] of keys.entries()) {
    const entry = { createdAt: now - at, lastSeenAt: now, keepUntil: now + HOUR + (at % 997), device: "" };
    await store.users.put("7", { key, entry }, now, later());
  }
  let removed = 0;
  for (;;) {
    const { sessions } = await store.users.page("7", { after: undefined, limit: 200 }, later());
    if (sessions.length === 0) break;
    await store.users.remove(
      "7",
      sessions.map(({ key }) => ({ key })),
      later(),
    );
    removed += sessions.length;
  }
  expect(removed).toBe(20_000);
});
