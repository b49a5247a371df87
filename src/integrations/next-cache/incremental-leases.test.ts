import { describe, expect, test } from "vitest";

import { failingWhile } from "../../../test/support/next-cache.ts";
import {
  type IncrementalReplicas,
  openIncrementalReplicas,
  PAGE,
  pageOf,
  render,
  seePage,
  writeContext,
} from "../../../test/support/next-incremental.ts";
import { StoreConnectionError } from "../../core/errors.ts";

describe("of two processes that miss a page", () => {
  test("one renders it, and the other waits for it", async () => {
    const replicas = openIncrementalReplicas();
    const request = replicas.one();
    expect(await request.get("/page", PAGE)).toBeNull();
    replicas.onPause = async () => {
      if (replicas.pauses.length === 4) await request.set("/page", pageOf("rendered"), writeContext());
    };
    expect(await seePage(replicas, replicas.other())).toEqual({ html: "rendered", age: "fresh" });
    expect(replicas.pauses).toHaveLength(4);
  });

  test("the other renders it after maxWait, with what it knows then", async () => {
    const replicas = openIncrementalReplicas({ maxWait: "2s" });
    const { one, other, clock } = replicas;
    const request = one();
    await request.get("/page", PAGE);
    const start = clock.now();
    replicas.onPause = async () => {
      if (replicas.pauses.length === 1) await one().revalidateTag(["a"]);
    };
    const waiting = other();
    expect(await waiting.get("/page", PAGE)).toBeNull();
    expect(clock.now() - start).toBe(2000);
    await request.set("/page", pageOf("of the first", ["a"]), writeContext());
    expect(await seePage(replicas, one())).toBeUndefined();
  });

  test("the other renders it when the first one has died", async () => {
    const { one, other, clock } = openIncrementalReplicas({ maxWait: "20s" }, { lease: "3s" });
    await one().get("/page", PAGE);
    const start = clock.now();
    expect(await other().get("/page", PAGE)).toBeNull();
    expect(clock.now() - start).toBeLessThan(3300);
  });

  test("none waits once the first one has failed, and was asked again", async () => {
    const replicas = openIncrementalReplicas();
    const { one, other, pauses } = replicas;
    await one().get("/page", PAGE);
    expect(await one().get("/page", PAGE)).toBeNull();
    expect(await other().get("/page", PAGE)).toBeNull();
    expect(pauses).toEqual([]);
    await render(replicas, one, pageOf("rendered"));
    expect(await seePage(replicas, other())).toMatchObject({ html: "rendered" });
  });

  test("none waits for one that is not stored", async () => {
    const { one, other, pauses } = openIncrementalReplicas();
    const request = one();
    await request.get("/page", PAGE);
    await request.set("/page", pageOf("dynamic"), writeContext(0));
    await one().get("/page", PAGE);
    await other().get("/page", PAGE);
    expect(pauses).toEqual([]);
  });

  test.each([
    ["a fetch, which may end without a result", { kind: "FETCH", tags: [] }],
    ["an image", { kind: "IMAGE" }],
    ["a page with dynamic parts", { ...PAGE, isRoutePPREnabled: true }],
  ])("none waits for %s", async (_, context) => {
    const { one, other, pauses } = openIncrementalReplicas();
    expect([await one().get("key", context), await other().get("key", context)]).toEqual([null, null]);
    expect(pauses).toEqual([]);
  });

  test("both make a stale one again, and the later one stays", async () => {
    const replicas = openIncrementalReplicas();
    const { one, other, pauses } = replicas;
    await render(replicas, one, pageOf("old", ["a"]));
    await one().revalidateTag(["a"], { expire: 60 });
    await render(replicas, one, pageOf("of the first", ["a"]));
    await render(replicas, other, pageOf("of the other", ["a"]));
    expect(await seePage(replicas, one())).toEqual({ html: "of the other", age: "fresh" });
    expect(pauses).toEqual([]);
  });
});

describe("while the store fails", () => {
  function openFailing(): IncrementalReplicas & { state: { isDown: boolean } } {
    const state = { isDown: false };
    return Object.assign(openIncrementalReplicas({}, failingWhile(state)), { state });
  }

  test("pages are rendered, the failure is told once a second, and nothing is thrown", async () => {
    const replicas = openFailing();
    const { one, clock, errors, state, harness } = replicas;
    state.isDown = true;
    for (let round = 0; round < 10; round++) {
      const request = one();
      expect(await request.get("/page", PAGE)).toBeNull();
      await request.set("/page", pageOf("page"), writeContext());
    }
    expect(errors).toEqual([expect.any(StoreConnectionError)]);
    expect(harness.calls).toHaveLength(1);
    clock.advance(1001);
    await one().get("/page", PAGE);
    expect(errors).toHaveLength(2);
  });

  test("pages come back with the store; one that began before is stored as of then", async () => {
    const replicas = openFailing();
    const { one, other, clock, state } = replicas;
    await render(replicas, one, pageOf("page", ["a"]));
    state.isDown = true;
    const request = one();
    expect(await request.get("/page", PAGE)).toBeNull();
    state.isDown = false;
    expect(await seePage(replicas, other())).toMatchObject({ html: "page" });
    await other().revalidateTag(["a"]);
    clock.advance(1001);
    await request.set("/page", pageOf("of the outage", ["a"]), writeContext());
    expect(await seePage(replicas, one())).toBeUndefined();
    await render(replicas, one, pageOf("again", ["a"]));
    expect(await seePage(replicas, other())).toMatchObject({ html: "again" });
  });

  test("an outage does not keep others from waiting for a page", async () => {
    const replicas = openFailing();
    const { one, other, clock, state, pauses } = replicas;
    const request = one();
    await request.get("/page", PAGE);
    state.isDown = true;
    await request.set("/page", pageOf("lost"), writeContext());
    state.isDown = false;
    clock.advance(10_001);
    const again = one();
    await again.get("/page", PAGE);
    replicas.onPause = () => again.set("/page", pageOf("rendered"), writeContext());
    expect(await seePage(replicas, other())).toMatchObject({ html: "rendered" });
    expect(pauses).toHaveLength(1);
  });

  test("an invalidation is an error for its caller, and happens before the next entry is read", async () => {
    const replicas = openFailing();
    const { one, other, clock, state, errors } = replicas;
    await render(replicas, one, pageOf("page", ["a"]));
    state.isDown = true;
    await expect(one().revalidateTag(["a"])).rejects.toThrow(StoreConnectionError);
    expect(errors).toHaveLength(1);
    state.isDown = false;
    expect(await seePage(replicas, other())).toMatchObject({ html: "page" });
    clock.advance(1001);
    await one().get("/any", PAGE);
    expect(await seePage(replicas, other())).toBeUndefined();
  });
});
