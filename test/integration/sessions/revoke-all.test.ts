import { describe, expect, onTestFinished, test } from "vitest";

import { createSojourn } from "../../../src/create-sojourn.ts";
import { describeWithEngine, ENGINES, SQLITE } from "../../support/engines/engines.ts";
import type { OpenedEngine } from "../../support/engines/open-engine.ts";
import { placeOn } from "../../support/engines/test-space.ts";
import { isSoak } from "../../support/scale.ts";
import { Browser, type Data } from "../../support/session-harness.ts";

const COUNT = 70;

/** Engines of the gate; the soak tries all of them. */
const GATE: ReadonlySet<string> = new Set(["Redis", "PostgreSQL", "files"]);
const tried = [...ENGINES, SQLITE].filter(({ name }) => isSoak || GATE.has(name));

describe.each(tried.map((engine) => [engine.name, engine] as const))("%s", (_, engine) => {
  describeWithEngine(engine, "revokeAll", () => {
    const place = placeOn(engine);

    function open({ redis, store, format }: OpenedEngine) {
      const sojourn = createSojourn<Data>({
        projectName: "test",
        secretKey: "a secret of the tests, long enough",
        redis,
        // revokeAll() waits for the deadlines of sessions that were beginning.
        sessions: { store, format, deadline: "1500ms" },
      });
      onTestFinished(() => sojourn.close());
      return sojourn.sessions;
    }

    test("ends the sessions of everybody, also those that log in, move or begin while it runs", async () => {
      const opened = await place.open();
      const [sessions, other] = [open(opened), open(opened)];
      const browsers = Array.from({ length: COUNT }, () => new Browser(other));
      await Promise.all(
        browsers.map((browser, at) =>
          browser.request((session) =>
            at % 2 === 0 ? session.login(at % 5) : void (session.data["cart"] = at),
          ),
        ),
      );
      const moving = await Promise.all(browsers.slice(0, 10).map((browser) => browser.begin().session()));
      const acts = Promise.allSettled(
        moving.map(async (session) => {
          await (session.isAuthenticated ? session.cycleKey() : session.login("late"));
          return session.cookieHeader;
        }),
      );
      const counts: number[] = [];
      const ended = await sessions.revokeAll({ onProgress: (progress) => counts.push(progress.ended) });
      const moved = (await acts).flatMap((act) => (act.status === "fulfilled" ? [act.value] : []));
      expect(ended).toBeGreaterThanOrEqual(COUNT - 10);
      expect(counts.at(-1)).toBe(ended);
      for (const { cookie } of browsers) {
        expect(await new Browser(other, cookie).request((session) => session.isNew)).toBe(true);
      }
      for (const cookie of moved)
        expect(await new Browser(other, cookie).request((session) => session.isNew)).toBe(true);
      expect(await sessions.revokeAll()).toBe(0);
    });
  });
});
