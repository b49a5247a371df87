import { describe, expect, test } from "vitest";
import { StoreConnectionError } from "sojourn";
import { type Fault, faultySessionStore } from "sojourn/testing";

import { isSoak } from "../../support/scale.ts";
import { ACTS, type Act, USER } from "./orders/scenario.ts";
import { type Aftermath, World } from "./orders/world.ts";

/** More than any of the requests needs. */
const MAX_CALLS = 40;
const KINDS = ["not-sent", "unknown-before", "unknown-after"] as const satisfies readonly Fault["fail"][];
const CALLERS = [0];

describe.each(isSoak ? KINDS : KINDS.slice(1))(
  "a request of which one call of the store fails (%s)",
  (fail) => {
    test.each([
      ["renewal", ACTS.renewal],
      ["writing renewal", ACTS.writingRenewal],
      ["rehash", ACTS.rehash],
      ["login", ACTS.login],
      ["cycleKey", ACTS.cycleKey],
      ["logout", ACTS.logout],
    ] as [string, Act][])(
      "and that is a %s: logs nobody out, nor in again, whichever call it is",
      async (_, act) => {
        let failed = 0;
        for (let failing = 0; failing < MAX_CALLS; failing++) {
          let [count, method] = [0, ""];
          const world = new World((store, process) =>
            CALLERS.includes(process)
              ? faultySessionStore(store, (call) => {
                  if (count++ !== failing) return undefined;
                  method = call.method;
                  return { fail };
                })
              : store,
          );
          for (const hasOldKey of [false, true]) {
            count = 0;
            method = "";
            const scenario = { acts: [act], isShared: false, hasOldKey, isLoggedIn: true };
            const check = (aftermath: Aftermath) =>
              findingsOf(aftermath).map((finding) => `${finding}, after ${method}`);
            expect(await world.play(scenario, (choices) => [...choices.keys()][0], check)).toStrictEqual([]);
            if (method !== "") failed++;
          }
        }
        expect(failed).toBeGreaterThan(5);
        expect(failed).toBeLessThan(MAX_CALLS * 2);
      },
    );
  },
);

/** A request that fails may have acted, where it says so; a renewal is never felt. */
function findingsOf({ outcomes, key, sessions, setCookies }: Aftermath): string[] {
  const [{ act, ending, error } = { act: undefined, ending: "failed", error: undefined }] = outcomes;
  const found: string[] = [];
  const session = sessions.find((each) => each.key === key);
  const isUnknown = error instanceof StoreConnectionError && error.outcome === "unknown";
  const isSpoken = error === undefined || error instanceof StoreConnectionError;
  if (!isSpoken) found.push(`${act?.name} failed with another error`);
  if (act?.ends === true) {
    if (ending === "ok" && sessions.length > 0) found.push("a session is there after the logout");
    if (ending !== "ok" && !isUnknown && session === undefined)
      found.push("the session has ended, though nothing was sent");
    return found;
  }
  const isMove = act?.interrupts === true;
  if (session?.userId !== USER && !(isMove && isUnknown)) found.push(`the user is logged out (${ending})`);
  if (setCookies.some((each) => !each.isLive)) found.push("the cookie of a dead session was set");
  return found;
}
