import { describe, expect, test } from "vitest";

import {
  entryOf,
  failingWhile,
  openReplicas,
  type Replicas,
  textOf,
} from "../../../test/support/next-cache.ts";
import { StoreConnectionError } from "../../core/errors.ts";

/** Makes the entry of an earlier get. */
async function finish({ one, clock }: Replicas, text = "made"): Promise<void> {
  await one.set("key", Promise.resolve(entryOf(text, clock.now())));
}

describe("of two processes that miss an entry", () => {
  test("one makes it, and the other waits for it", async () => {
    const replicas = openReplicas();
    expect(await replicas.one.get("key", [])).toBeUndefined();
    replicas.onPause = async () => {
      if (replicas.pauses.length === 4) await finish(replicas);
    };
    expect(await textOf(await replicas.other.get("key", []))).toBe("made");
    expect(replicas.pauses).toHaveLength(4);
  });

  test("the other makes it after maxWait, and both are stored", async () => {
    const replicas = openReplicas({ maxWait: "2s" });
    const { one, other, clock } = replicas;
    await one.get("key", []);
    const start = clock.now();
    expect(await other.get("key", [])).toBeUndefined();
    expect(clock.now() - start).toBe(2000);
    await other.set("key", Promise.resolve(entryOf("of the other", clock.now())));
    expect(await textOf(await one.get("key", []))).toBe("of the other");
    await finish(replicas);
    // Its lease has ended with the write of the other.
    expect(await textOf(await one.get("key", []))).toBe("of the other");
  });

  test("the other makes it when the first one has died", async () => {
    const replicas = openReplicas({ maxWait: "20s" }, { lease: "3s" });
    const { one, other, clock } = replicas;
    await one.get("key", []);
    const start = clock.now();
    expect(await other.get("key", [])).toBeUndefined();
    expect(clock.now() - start).toBeGreaterThanOrEqual(3000);
    expect(clock.now() - start).toBeLessThan(3300);
  });

  test("the other makes it when the function of the first one fails", async () => {
    const replicas = openReplicas();
    await replicas.one.get("key", []);
    replicas.onPause = async () => {
      if (replicas.pauses.length === 2)
        await replicas.one.set("key", Promise.reject(new Error("a fault of the function")));
    };
    expect(await replicas.other.get("key", [])).toBeUndefined();
    expect(replicas.pauses.length).toBeLessThan(4);
  });

  test("none waits with maxWait 0, nor where the cache has no leases", async () => {
    for (const replicas of [openReplicas({ maxWait: 0 }), openReplicas({}, { lease: null })]) {
      const { one, other, clock, pauses } = replicas;
      expect([await one.get("key", []), await other.get("key", [])]).toEqual([undefined, undefined]);
      expect(pauses).toEqual([]);
      await other.set("key", Promise.resolve(entryOf("of the other", clock.now())));
      expect(await textOf(await one.get("key", []))).toBe("of the other");
    }
  });

  test("an entry whose tag has expired is made by one", async () => {
    const replicas = openReplicas();
    const { one, other, clock } = replicas;
    await one.get("key", []);
    await one.set("key", Promise.resolve(entryOf("old", clock.now(), { tags: ["a"] })));
    await other.updateTags(["a"]);
    expect(await one.get("key", [])).toBeUndefined();
    replicas.onPause = () => finish(replicas, "new");
    expect(await textOf(await other.get("key", []))).toBe("new");
    expect(replicas.pauses).toHaveLength(1);
  });
});

test("nobody waits for an entry whose calls end without one", async () => {
  const replicas = openReplicas();
  const { one, other, clock, pauses } = replicas;
  const dynamic = (): Promise<void> =>
    one.set("key", Promise.resolve(entryOf("dynamic", clock.now(), { expire: 0 })));
  await one.get("key", []);
  await dynamic();
  await one.get("key", []);
  expect(await one.get("key", [])).toBeUndefined();
  expect(await other.get("key", [])).toBeUndefined();
  expect(pauses).toEqual([]);
});

describe("while the store fails", () => {
  function openFailing() {
    const state = { isDown: false };
    const replicas = openReplicas({}, failingWhile(state));
    return Object.assign(replicas, { state });
  }

  test("functions are called, the failure is told once a second, and nothing is thrown", async () => {
    const { one, clock, errors, state, harness } = openFailing();
    state.isDown = true;
    harness.calls.length = 0;
    await one.refreshTags();
    for (let part = 0; part < 10; part++) {
      expect(await one.get(`key ${part}`, ["_N_T_/layout"])).toBeUndefined();
      await one.set(`key ${part}`, Promise.resolve(entryOf("page", clock.now())));
    }
    expect(errors).toEqual([expect.any(StoreConnectionError)]);
    expect(harness.calls).toHaveLength(1);
    clock.advance(1001);
    await one.get("key", []);
    expect(errors).toHaveLength(2);
  });

  test("entries come back with the store", async () => {
    const replicas = openFailing();
    const { one, clock, state } = replicas;
    await one.get("key", []);
    state.isDown = true;
    await finish(replicas);
    state.isDown = false;
    clock.advance(1001);
    expect(await one.get("key", [])).toBeUndefined();
    // The outage has not made it one that nobody waits for.
    replicas.onPause = () => finish(replicas);
    expect(await textOf(await replicas.other.get("key", []))).toBe("made");
    expect(await textOf(await one.get("key", []))).toBe("made");
  });

  test("an invalidation is an error for its caller, and happens before the next entry is read", async () => {
    const { one, other, clock, state, errors } = openFailing();
    await one.get("key", []);
    await one.set("key", Promise.resolve(entryOf("page", clock.now(), { tags: ["a"] })));
    state.isDown = true;
    await expect(one.updateTags(["a"])).rejects.toThrow(StoreConnectionError);
    expect(errors).toHaveLength(1);
    state.isDown = false;
    expect(await one.get("key", [])).toBeUndefined();
    expect(await textOf(await other.get("key", []))).toBe("page");
    clock.advance(1001);
    await one.refreshTags();
    expect(await other.get("key", [])).toBeUndefined();
  });
});
