import assert from "node:assert/strict";

import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import type { IndexedSession, UserIndex } from "../../stores/user-index.ts";
import { type ContractTest, later, LONG_TTL } from "./support.ts";

const NOW = 1_700_000_000_000;
const ANY = { most: undefined, ttl: LONG_TTL, now: NOW };

/** What the index of users promises. A store without one skips these, with that reason. */
export const USERS: Readonly<Record<string, ContractTest>> = {
  async "the index lists what was added, with its entry"({ store, key }) {
    const users = indexOf(store);
    const session = sessionOf(key, { device: "Safari on iOS | 17 – “mine”" });
    assert.deepEqual(await users.add("7", session, ANY, later()), { epoch: "", evicted: [] });
    assert.deepEqual(await users.list("7", later()), [session]);
    assert.deepEqual(await users.list("8", later()), []);
    assert.deepEqual(await users.check("7", key, later()), { epoch: "", isListed: true });
  },

  async "the index keeps users apart, whatever their ids are"({ store }) {
    const users = indexOf(store);
    const ids = ["7", "7:8", "*", "", "é", "a b", "__proto__", "epoch", "{7}"];
    for (const id of ids) await users.add(id, sessionOf(newSessionKey()), ANY, later());
    for (const id of ids) assert.equal((await users.list(id, later())).length, 1, id);
  },

  async "put lists a session, and renews its entry"({ store, key }) {
    const users = indexOf(store);
    await users.put("7", sessionOf(key, { device: "a" }), LONG_TTL, later());
    await users.put("7", sessionOf(key, { device: "b" }), LONG_TTL, later());
    assert.deepEqual(
      (await users.list("7", later())).map(({ entry }) => entry.device),
      ["b"],
    );
  },

  async "remove takes sessions off the list, and no others"({ store, key }) {
    const users = indexOf(store);
    const other = newSessionKey();
    for (const each of [key, other]) await users.add("7", sessionOf(each), ANY, later());
    await users.remove("7", [key, newSessionKey()], later());
    await users.remove("7", [], later());
    assert.deepEqual(await keysOf(users), [other]);
    assert.deepEqual(await users.check("7", key, later()), { epoch: "", isListed: false });
  },

  async "beyond the allowed number the oldest make room, oldest first, and never the newcomer"({ store }) {
    const users = indexOf(store);
    const keys = Array.from({ length: 4 }, newSessionKey);
    for (const [age, key] of keys.entries()) {
      await users.add("7", sessionOf(key, { createdAt: NOW + 10 - age }), ANY, later());
    }
    const newcomer = newSessionKey();
    const limits = { ...ANY, most: 2 };
    const { evicted } = await users.add("7", sessionOf(newcomer, { createdAt: NOW - 99 }), limits, later());
    assert.deepEqual(evicted, [keys[3], keys[2], keys[1]]);
    assert.deepEqual(new Set(await keysOf(users)), new Set([keys[0], newcomer]));
  },

  async "a session that is being replaced takes no room, and is not evicted"({ store, key }) {
    const users = indexOf(store);
    const [old, other] = [newSessionKey(), newSessionKey()];
    await users.add("7", sessionOf(old, { createdAt: NOW - 2 }), ANY, later());
    await users.add("7", sessionOf(other, { createdAt: NOW - 1 }), ANY, later());
    const { evicted } = await users.add("7", sessionOf(key), { ...ANY, most: 2, replaces: old }, later());
    assert.deepEqual(evicted, []);
    assert.deepEqual(new Set(await keysOf(users)), new Set([old, other, key]));
  },

  async "an addition drops what has expired, which takes no room"({ store, key }) {
    const users = indexOf(store);
    await users.add("7", sessionOf(newSessionKey(), { expiresAt: NOW }), { ...ANY, now: NOW - 1 }, later());
    const { evicted } = await users.add("7", sessionOf(key), { ...ANY, most: 1 }, later());
    assert.deepEqual(evicted, []);
    assert.deepEqual(await keysOf(users), [key]);
  },

  async "50 parallel additions leave the allowed number listed"({ store }) {
    const users = indexOf(store);
    const additions = await Promise.all(
      Array.from({ length: 50 }, () => users.add("7", sessionOf(newSessionKey()), { ...ANY, most: 5 }, later())),
    );
    assert.equal((await users.list("7", later())).length, 5);
    assert.equal(new Set(additions.flatMap(({ evicted }) => evicted)).size, 45);
  },

  async "revoke sets the epoch, answers the list and leaves it as it is"({ store, key }) {
    const users = indexOf(store);
    await users.add("7", sessionOf(key), ANY, later());
    assert.deepEqual(await users.revoke("7", "epoch1", LONG_TTL, later()), [sessionOf(key)]);
    assert.deepEqual(await users.check("7", key, later()), { epoch: "epoch1", isListed: true });
    assert.deepEqual(await keysOf(users), [key]);
    assert.equal((await users.add("7", sessionOf(key), ANY, later())).epoch, "epoch1");
    assert.deepEqual(await users.check("8", key, later()), { epoch: "", isListed: false });
  },

  async "revoke of a user without sessions is remembered, also when the list is empty again"({ store, key }) {
    const users = indexOf(store);
    assert.deepEqual(await users.revoke("7", "epoch1", LONG_TTL, later()), []);
    await users.add("7", sessionOf(key), ANY, later());
    await users.remove("7", [key], later());
    assert.equal((await users.check("7", key, later())).epoch, "epoch1");
  },
};

function indexOf({ users }: SessionStore): UserIndex {
  assert.ok(users, "the store has no index of users: skip the tests about it, with that reason");
  return users;
}

function sessionOf(key: SessionKey, entry: Partial<IndexedSession["entry"]> = {}): IndexedSession {
  return { key, entry: { createdAt: NOW, lastSeenAt: NOW, expiresAt: NOW + LONG_TTL, device: "", ...entry } };
}

async function keysOf(users: UserIndex): Promise<SessionKey[]> {
  return (await users.list("7", later())).map(({ key }) => key);
}
