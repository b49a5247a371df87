import assert from "node:assert/strict";

import type { SessionKey } from "../../core/ids.ts";
import { collectKeys, type ContractTests, createMany, later, rewriteSome } from "./support.ts";

/** Tests of `scan`. */
export const SCAN: ContractTests = {
  async "scan yields every key once"({ store }) {
    const keys = await createMany(store, 2500);
    assert.deepEqual((await collectKeys(store)).toSorted(), keys.toSorted());
  },

  async "scan of an empty store yields nothing"({ store }) {
    assert.deepEqual(await collectKeys(store), []);
  },

  async "scan makes a deadline for each page"({ store }) {
    await createMany(store, 10);
    let pages = 0;
    for await (const _ of store.scan(() => (pages++, later()))) assert.ok(pages >= 1);
    assert.ok(pages >= 1);
  },

  async "scan during concurrent writes yields every key that stays, and none twice"({ store }) {
    const [staying, leaving] = [await createMany(store, 1500), await createMany(store, 500)];
    const found: SessionKey[] = [];
    for await (const key of store.scan(later)) {
      found.push(key);
      if (found.length % 100 === 0) await rewriteSome(store, leaving.splice(0, 40));
    }
    assert.equal(new Set(found).size, found.length);
    const seen = new Set(found);
    assert.equal(staying.filter((key) => !seen.has(key)).length, 0);
  },
};

/** One test for a store that cannot list its keys. */
export function withoutScan(reason: string): ContractTests {
  return {
    async [`lists no keys (${reason}), and says so`]({ store }) {
      await createMany(store, 1);
      await assert.rejects(collectKeys(store), { code: "ERR_SESSION_USAGE" });
    },
  };
}
