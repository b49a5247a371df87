import { describe, expect, test } from "vitest";

import { explore } from "./orders/explore.ts";
import { ACTS, type Act, type Scenario, titleOf } from "./orders/scenario.ts";
import { World } from "./orders/world.ts";

const B = Number(process.env["B"] ?? 2), N = Number(process.env["N"] ?? 3000);
const acts: Act[] = Object.values(ACTS);
const only = process.env["ONLY"]?.split(",");
const seen = new Map<string, {n: number, first: readonly string[]}>();
test("probe", async () => {
  let total = 0, max = 0;
  const world = new World();
  const t = performance.now();
  for (const [i, a] of acts.entries()) for (const b of acts.slice(i)) 
  for (const isShared of [true, false]) for (const hasOldKey of [false, true]) for (const isLoggedIn of [true, false]) {
    const scenario: Scenario = { acts: [a, b], isShared, hasOldKey, isLoggedIn };
    const title = titleOf(scenario);
    if (only && !only.every((o) => title.includes(o))) continue;
    if (!isLoggedIn && title.includes("revoke") || title.includes("revoke,") && process.env["NOREV"]) continue;
    let bad: readonly string[] | undefined; let nbad = 0; const kinds = new Map<string, number>();
    const { played } = await explore(async (choose) => { const f = await world.play(scenario, choose); if (f.length) { nbad++; const k = f.slice(1, f.findIndex((x) => /^[0-9] /.test(x))).join('; '); kinds.set(k, (kinds.get(k) ?? 0) + 1); bad ??= f; } }, { switches: B, orders: N });
    total += played; max = Math.max(max, played);
    if (bad) { console.log(nbad, "of", played, bad[0], JSON.stringify([...kinds], null, 1), process.env["FULL"] ? bad.join("\n   ") : ""); }
  }
  console.log(total, "orders, at most", max, "in", performance.now() - t);
}, 600_000);
