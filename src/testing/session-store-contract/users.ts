import assert from "node:assert/strict";

import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import {
  type IndexedSession,
  MAX_EVICTIONS,
  type UserIndex,
  type UserIndexLimits,
} from "../../stores/user-index.ts";
import { type ContractTests, later, LONG_TTL } from "./support.ts";

const NOW = 1_700_000_000_000;
const SLACK = 10_000;
const ANY: UserIndexLimits = { most: undefined, slack: SLACK, now: NOW };

/** Tests of the index of users. A store without one skips these, with its reason. */
export const USERS: ContractTests = {
  async "the index lists added sessions, with their entries"({ store, key }) {
    const users = indexOf(store);
    const session = sessionOf(key, { device: "Safari on iOS | 17" });
    assert.deepEqual(await users.add("7", session, ANY, later()), { epoch: "", evicted: [] });
    assert.deepEqual(await listOf(users), [session]);
    assert.deepEqual(await listOf(users, "8"), []);
    assert.deepEqual(await users.check("7", key, later()), { epoch: "", isListed: true });
    assert.deepEqual(await users.check("8", key, later()), { epoch: "", isListed: false });
  },

  async "the index separates users, whatever their ids are"({ store }) {
    const users = indexOf(store);
    const ids = ["7", "7:8", "*", "", "é", "a b", "__proto__", "epoch", "{7}", "}", "{", "}:list", "{}7"];
    for (const id of ids) await users.add(id, sessionOf(newSessionKey()), ANY, later());
    for (const id of ids) await users.revoke(id, `epoch of ${id}`, LONG_TTL, later());
    for (const id of ids) assert.equal((await listOf(users, id)).length, 1, id);
    for (const id of ids) assert.equal(await users.epoch(id, later()), `epoch of ${id}`);
  },

  async "put lists a session, and renews its entry"({ store, key }) {
    const users = indexOf(store);
    await users.put("7", sessionOf(key, { device: "a" }), NOW, later());
    await users.put("7", sessionOf(key, { device: "b", lastSeenAt: NOW + 5 }), NOW, later());
    assert.deepEqual(await listOf(users), [sessionOf(key, { device: "b", lastSeenAt: NOW + 5 })]);
  },

  async "put keeps the earlier creation, the later expiry and a known device"({ store, key }) {
    const users = indexOf(store);
    const known = { createdAt: NOW - 9, keepUntil: NOW + 2 * LONG_TTL, device: "a" };
    await users.add("7", sessionOf(key, known), ANY, later());
    await users.put("7", sessionOf(key, { lastSeenAt: NOW + 5, device: "" }), NOW, later());
    assert.deepEqual(await listOf(users), [sessionOf(key, { ...known, lastSeenAt: NOW + 5 })]);
    await users.put(
      "7",
      sessionOf(key, { createdAt: NOW - 10, keepUntil: NOW + 3 * LONG_TTL }),
      NOW,
      later(),
    );
    const renewed = { createdAt: NOW - 10, keepUntil: NOW + 3 * LONG_TTL, device: "a" };
    assert.deepEqual(await listOf(users), [sessionOf(key, renewed)]);
  },

  async "remove removes the given sessions from the list, and no others"({ store, key }) {
    const users = indexOf(store);
    const other = newSessionKey();
    for (const each of [key, other]) await users.add("7", sessionOf(each), ANY, later());
    await users.remove("7", [{ key }, { key: newSessionKey() }], later());
    await users.remove("7", [], later());
    await users.remove("8", [{ key: other }], later());
    assert.deepEqual(await keysOf(users), [other]);
    assert.deepEqual(await users.check("7", key, later()), { epoch: "", isListed: false });
  },

  async "remove leaves an entry that has been renewed since it was read"({ store, key }) {
    const users = indexOf(store);
    const [other, third] = [newSessionKey(), newSessionKey()];
    for (const each of [key, other, third])
      await users.add("7", sessionOf(each, { keepUntil: NOW + LONG_TTL }), ANY, later());
    await users.put("7", sessionOf(key, { keepUntil: NOW + LONG_TTL + 1 }), NOW, later());
    const read = [key, other].map((each) => ({ key: each, keptUntil: NOW + LONG_TTL }));
    await users.remove("7", [...read, { key: third }], later());
    assert.deepEqual(await keysOf(users), [key]);
  },

  async "a list is read page by page, the entries kept longest first, each once"({ store }) {
    const users = indexOf(store);
    const sessions = Array.from({ length: 25 }, (_, age) =>
      sessionOf(newSessionKey(), { keepUntil: NOW + 1e6 - age }),
    );
    for (const session of sessions.toReversed()) await users.add("7", session, ANY, later());
    assert.deepEqual(await pagesOf(users, 10), [
      sessions.slice(0, 10),
      sessions.slice(10, 20),
      sessions.slice(20),
    ]);
    assert.deepEqual((await pagesOf(users, 25)).flat(), sessions);
    assert.deepEqual(await pagesOf(users, 26), [sessions]);
  },

  async "entries that expire together are read page by page too, each once"({ store }) {
    const users = indexOf(store);
    const keys = Array.from({ length: 25 }, newSessionKey);
    for (const key of keys) await users.add("7", sessionOf(key), ANY, later());
    const pages = await pagesOf(users, 4);
    assert.deepEqual(pages.map((page) => page.length).slice(0, 6), [4, 4, 4, 4, 4, 4]);
    assert.deepEqual(
      pages
        .flat()
        .map(({ key }) => key)
        .toSorted(),
      keys.toSorted(),
    );
  },

  async "a part of a list ends with the given entry"({ store }) {
    const users = indexOf(store);
    const keys = Array.from({ length: 20 }, newSessionKey);
    for (const [at, key] of keys.entries()) {
      await users.add("7", sessionOf(key, { keepUntil: NOW + LONG_TTL - Math.floor(at / 6) }), ANY, later());
    }
    const all = await listOf(users);
    const first = await users.page("7", { after: undefined, limit: 4 }, later());
    const second = await users.page("7", { after: first.next, limit: 7 }, later());
    const part = { after: first.next, until: second.next, limit: 5 };
    const begin = await users.page("7", part, later());
    const rest = await users.page("7", { ...part, after: begin.next }, later());
    assert.deepEqual([...begin.sessions, ...rest.sessions], all.slice(4, 11));
    assert.equal(rest.next, undefined);
    await users.remove("7", all.slice(3, 11), later());
    assert.deepEqual(await users.page("7", part, later()), { sessions: [], next: undefined });
    assert.deepEqual(
      (await users.page("7", { ...part, after: undefined }, later())).sessions,
      all.slice(0, 3),
    );
    assert.deepEqual(
      (await users.page("7", { ...part, until: undefined }, later())).sessions,
      all.slice(11, 16),
    );
  },

  async "additions, renewals and removals while a list is read neither duplicate nor hide any other entry"({
    store,
  }) {
    const users = indexOf(store);
    const keys = Array.from({ length: 30 }, newSessionKey);
    for (const [at, key] of keys.entries()) {
      await users.add("7", sessionOf(key, { keepUntil: NOW + LONG_TTL + Math.floor(at / 7) }), ANY, later());
    }
    const [seen, changed] = [new Map<SessionKey, number>(), new Set<SessionKey>()];
    let after: string | undefined;
    do {
      const { sessions, next } = await users.page("7", { after, limit: 4 }, later());
      for (const { key } of sessions) seen.set(key, (seen.get(key) ?? 0) + 1);
      const last = sessions.at(-1)?.key ?? "";
      const other = keys.find((key) => !seen.has(key)) ?? "";
      for (const key of [last, other]) changed.add(key);
      await users.remove("7", [{ key: last }], later());
      await users.add("7", sessionOf(newSessionKey(), { keepUntil: NOW + LONG_TTL + 2 }), ANY, later());
      if (other !== "")
        await users.put("7", sessionOf(other, { keepUntil: NOW + 2 * LONG_TTL }), NOW, later());
      after = next;
    } while (after !== undefined);
    for (const key of keys) if (!changed.has(key)) assert.equal(seen.get(key), 1);
    assert.ok(Math.max(...seen.values()) === 1);
  },

  async "beyond the allowed number the oldest make room, oldest first, and never the new session"({ store }) {
    const users = indexOf(store);
    const keys = Array.from({ length: 4 }, newSessionKey);
    for (const [age, key] of keys.entries()) {
      // The oldest expire last.
      const entry = { createdAt: NOW + 10 - age, keepUntil: NOW + LONG_TTL + age };
      await users.add("7", sessionOf(key, entry), ANY, later());
    }
    const newcomer = newSessionKey();
    const limits = { ...ANY, most: 2 };
    const { evicted } = await users.add("7", sessionOf(newcomer, { createdAt: NOW - 99 }), limits, later());
    assert.deepEqual(new Set(evicted), new Set(keys.slice(1)));
    assert.deepEqual(await uncounted(users, [...keys, newcomer]), keys.slice(1));
  },

  async "a session that makes room stays listed and is returned again, until it is removed from the list"({
    store,
    key,
  }) {
    const users = indexOf(store);
    const [old, third, fourth] = [newSessionKey(), newSessionKey(), newSessionKey()];
    const limits = { ...ANY, most: 1 };
    await users.add("7", sessionOf(old, { createdAt: NOW - 1 }), limits, later());
    assert.deepEqual((await users.add("7", sessionOf(key), limits, later())).evicted, [old]);
    assert.deepEqual(new Set(await keysOf(users)), new Set([old, key]));
    assert.equal((await users.check("7", old, later())).isListed, false);
    const { evicted } = await users.add("7", sessionOf(third, { createdAt: NOW + 1 }), limits, later());
    assert.deepEqual(new Set(evicted), new Set([old, key]));
    await users.remove("7", [{ key: old }, { key, keptUntil: NOW + LONG_TTL }], later());
    assert.deepEqual(await keysOf(users), [third]);
    const next = await users.add(
      "7",
      sessionOf(fourth, { createdAt: NOW + 2 }),
      { ...limits, most: 2 },
      later(),
    );
    assert.deepEqual(next.evicted, []);
  },

  async "of equally old sessions only as many make room as necessary"({ store, key }) {
    const users = indexOf(store);
    for (let count = 0; count < 5; count++) await users.add("7", sessionOf(newSessionKey()), ANY, later());
    const { evicted } = await users.add("7", sessionOf(key), { ...ANY, most: 3 }, later());
    assert.equal(new Set(evicted).size, 3);
    assert.ok(!evicted.includes(key));
  },

  async "in a list that is far too long, a bounded number makes room at a time, until it fits"({ store }) {
    const users = indexOf(store);
    for (let count = 0; count < 50; count++) await users.add("7", sessionOf(newSessionKey()), ANY, later());
    const sizes: number[] = [];
    for (let count = 1; count <= 4; count++) {
      const newcomer = sessionOf(newSessionKey(), { createdAt: NOW + count });
      const { evicted } = await users.add("7", newcomer, { ...ANY, most: 2 }, later());
      sizes.push(evicted.length);
      await users.remove(
        "7",
        evicted.map((key) => ({ key })),
        later(),
      );
    }
    assert.deepEqual(sizes, [MAX_EVICTIONS, MAX_EVICTIONS, 11, 1]);
    assert.equal((await keysOf(users)).length, 2);
  },

  async "a session that is being replaced is not counted, and does not make room"({ store, key }) {
    const users = indexOf(store);
    const [old, other] = [newSessionKey(), newSessionKey()];
    await users.add("7", sessionOf(old, { createdAt: NOW - 2 }), ANY, later());
    await users.add("7", sessionOf(other, { createdAt: NOW - 1 }), ANY, later());
    const { evicted } = await users.add("7", sessionOf(key), { ...ANY, most: 2, replaces: old }, later());
    assert.deepEqual(evicted, []);
    assert.deepEqual(await uncounted(users, [old, other, key]), []);
  },

  async "a session that gets a new key is counted once, and neither entry makes room for the other"({
    store,
    key,
  }) {
    const users = indexOf(store);
    const [old, other, third] = [newSessionKey(), newSessionKey(), newSessionKey()];
    const limits = { ...ANY, most: 2 };
    await users.add("7", sessionOf(old, { createdAt: NOW - 2 }), limits, later());
    await users.add("7", sessionOf(other, { createdAt: NOW - 1 }), limits, later());
    const waiting = { ...ANY, replaces: old, isWaiting: true };
    assert.deepEqual(
      (await users.add("7", sessionOf(key, { createdAt: NOW - 2 }), waiting, later())).evicted,
      [],
    );
    assert.deepEqual(await uncounted(users, [old, other, key]), []);
    const { evicted } = await users.add("7", sessionOf(third), { ...ANY, most: 3 }, later());
    assert.deepEqual(evicted, []);
    const all = [old, other, third, key].map((each): [SessionKey, number] => [each, NOW + LONG_TTL]);
    assert.deepEqual(await endsOf(users), new Map(all));
    await users.replace("7", old, key, later());
    assert.deepEqual(new Set(await keysOf(users)), new Set([key, other, third]));
    const next = await users.add("7", sessionOf(newSessionKey()), { ...ANY, most: 3 }, later());
    assert.deepEqual(next.evicted, [key]);
  },

  async "a waiting entry counts once the session is active, and expires and is removed like others"({
    store,
    key,
  }) {
    const users = indexOf(store);
    const [seen, removed, ended] = [newSessionKey(), newSessionKey(), newSessionKey()];
    const waiting = { ...ANY, isWaiting: true };
    for (const each of [key, seen, removed]) await users.add("7", sessionOf(each), waiting, later());
    await users.add("7", sessionOf(ended, { keepUntil: NOW + 5 }), waiting, later());
    await users.put("7", sessionOf(seen, { lastSeenAt: NOW + 1, keepUntil: NOW + 1 }), NOW, later());
    await users.remove(
      "7",
      [
        { key: removed, keptUntil: NOW + LONG_TTL },
        { key, keptUntil: NOW + 9 },
      ],
      later(),
    );
    const newcomer = newSessionKey();
    const { evicted } = await users.add("7", sessionOf(newcomer), { ...ANY, most: 1, now: NOW + 6 }, later());
    assert.deepEqual(evicted, [seen]);
    await users.remove("7", [{ key: ended }], later());
    const left = [seen, key, newcomer].map((each): [SessionKey, number] => [each, NOW + LONG_TTL]);
    assert.deepEqual(await endsOf(users), new Map(left));
    await users.replace("7", newSessionKey(), newcomer, later());
    await users.replace("8", newcomer, key, later());
    assert.deepEqual(await endsOf(users), new Map(left));
  },

  async "pages include entries that wait and that do not, each once"({ store }) {
    const users = indexOf(store);
    const keys = Array.from({ length: 20 }, newSessionKey);
    for (const [at, key] of keys.entries()) {
      await users.add("7", sessionOf(key), { ...ANY, isWaiting: at % 3 === 0 }, later());
    }
    const pages = await pagesOf(users, 4);
    assert.deepEqual(
      pages
        .flat()
        .map(({ key }) => key)
        .toSorted(),
      keys.toSorted(),
    );
  },

  async "the entry of an expired session stays for the slack, is not counted and does not make room"({
    store,
    key,
  }) {
    const users = indexOf(store);
    const [expired, live] = [newSessionKey(), newSessionKey()];
    await users.add("7", sessionOf(expired, { createdAt: NOW - 9, keepUntil: NOW + SLACK }), ANY, later());
    await users.add("7", sessionOf(live, { keepUntil: NOW + SLACK + 1 }), ANY, later());
    const { evicted } = await users.add("7", sessionOf(key), { ...ANY, most: 2 }, later());
    assert.deepEqual(evicted, []);
    assert.deepEqual(new Set(await keysOf(users)), new Set([expired, live, key]));
  },

  async "50 parallel additions leave the allowed number that count"({ store }) {
    const users = indexOf(store);
    const keys = Array.from({ length: 50 }, newSessionKey);
    await Promise.all(keys.map((key) => users.add("7", sessionOf(key), { ...ANY, most: 5 }, later())));
    assert.equal((await uncounted(users, keys)).length, 45);
    assert.equal((await keysOf(users)).length, 50);
  },

  async "revoke sets the epoch and leaves the list as it is"({ store, key }) {
    const users = indexOf(store);
    await users.add("7", sessionOf(key), ANY, later());
    assert.equal(await users.epoch("7", later()), "");
    await users.revoke("7", "epoch1", LONG_TTL, later());
    assert.equal(await users.epoch("7", later()), "epoch1");
    assert.deepEqual(await users.check("7", key, later()), { epoch: "epoch1", isListed: true });
    assert.deepEqual(await keysOf(users), [key]);
    for (const most of [undefined, 5]) {
      assert.equal((await users.add("7", sessionOf(key), { ...ANY, most }, later())).epoch, "epoch1");
    }
    await users.revoke("7", "epoch2", LONG_TTL, later());
    assert.equal(await users.epoch("7", later()), "epoch2");
    assert.deepEqual(await users.check("8", key, later()), { epoch: "", isListed: false });
  },

  async "the revocation of a user without sessions is remembered, even if the list is empty again"({
    store,
    key,
  }) {
    const users = indexOf(store);
    await users.revoke("7", "epoch1", LONG_TTL, later());
    await users.add("7", sessionOf(key), ANY, later());
    await users.remove("7", [{ key }], later());
    assert.equal((await users.check("7", key, later())).epoch, "epoch1");
    assert.equal(await users.epoch("7", later()), "epoch1");
  },
};

function indexOf({ users }: SessionStore): UserIndex {
  assert.ok(users, "the store has no index of users: skip the tests about it, with that reason");
  return users;
}

function sessionOf(key: SessionKey, entry: Partial<IndexedSession["entry"]> = {}): IndexedSession {
  return { key, entry: { createdAt: NOW, lastSeenAt: NOW, keepUntil: NOW + LONG_TTL, device: "", ...entry } };
}

async function pagesOf(
  users: UserIndex,
  limit: number,
  userId = "7",
): Promise<(readonly IndexedSession[])[]> {
  const pages: (readonly IndexedSession[])[] = [];
  let after: string | undefined;
  do {
    const page = await users.page(userId, { after, limit }, later());
    if (page.sessions.length > 0) pages.push(page.sessions);
    after = page.next;
  } while (after !== undefined);
  return pages;
}

async function listOf(users: UserIndex, userId = "7"): Promise<readonly IndexedSession[]> {
  return (await pagesOf(users, 200, userId)).flat();
}

async function keysOf(users: UserIndex): Promise<SessionKey[]> {
  return (await listOf(users)).map(({ key }) => key);
}

async function endsOf(users: UserIndex): Promise<Map<SessionKey, number>> {
  return new Map((await listOf(users)).map(({ key, entry }) => [key, entry.keepUntil]));
}

/** Returns those that have to make room, or are not listed. */
async function uncounted(users: UserIndex, keys: readonly SessionKey[]): Promise<SessionKey[]> {
  const checks = await Promise.all(keys.map((key) => users.check("7", key, later())));
  return keys.filter((_, at) => checks[at]?.isListed === false);
}
