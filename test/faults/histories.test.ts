import { test } from "vitest";
import { serverForTest } from "../support/redis-connections.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { isSoak, scaled } from "../support/scale.ts";
import { describeWithEngine, ENGINES } from "../support/engines/engines.ts";
import { expectSoundHistory } from "./history/expect-sound-history.ts";
import { type Fault, STRIKES } from "./history/trouble.ts";

const FAULTS = Object.keys(STRIKES) as Fault[];

/** Fault of the gate on memcached; the soak tries all of them. */
const SOME: readonly Fault[] = ["reset in mid-reply"];

const PROMISE =
  "no update is lost, nobody is logged out, no session comes back, every call ends in time, nothing is left behind";

describeWithRedis("histories of sessions that two processes share", () => {
  test.each(FAULTS)(`%s: ${PROMISE}`, async (fault) => {
    const { url } = await serverForTest();
    const engine = { kind: "redis", url, space: "session", format: "django" } as const;
    await expectSoundHistory(fault, { engine, hasUsers: true }, scaled(250, 100_000));
  });
});

for (const engine of ENGINES.filter(({ commands }) => commands.includes("memcached")))
  describeWithEngine(engine, "histories of sessions that two processes share", () => {
    test.each(isSoak ? FAULTS : SOME)(`%s: ${PROMISE}`, async (fault) => {
      const running = await engine.start();
      try {
        const recorded = { engine: await running.makeSpace(), hasUsers: engine.hasUsers };
        await expectSoundHistory(fault, recorded, scaled(250, 10_000));
      } finally {
        await running.stop();
      }
    });
  });
