import { createSojourn, type Sessions } from "sojourn";
import { Deadline } from "sojourn/redis";
import type { VisitorData } from "../../../faults/history/visitor-data.ts";
import { copiesOf, openEngine } from "../../../support/engines/open-engine.ts";
import type { Stage } from "./messages.ts";
import { spoilt } from "./spoilt-store.ts";

/** Longer than any operation takes on a machine that is busy: whatever ends by it is a finding. */
const DEADLINE = 20_000;

/** The sessions of a stage, as one process has them. */
export interface OpenedStage {
  readonly sessions: Sessions<VisitorData>;
  /** Drops the cache's copy of the session of a cookie, as a cache does that needs room. */
  readonly evict: (cookie: string) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

export function openStage({ engine, spoil }: Stage): OpenedStage {
  const { redis: connections, store, format, close: closeEngine } = openEngine(engine);
  const { sessions, redis, close } = createSojourn<VisitorData>({
    projectName: "interleavings",
    secretKey: "the secret of the interleavings of tests",
    redis: connections,
    sessions: {
      store: spoil === undefined ? store : spoilt(store, spoil),
      format,
      deadline: `${DEADLINE}ms`,
      // Nearly every read is a touch too.
      touchEvery: "2ms",
    },
  });
  return {
    sessions,
    async evict(cookie) {
      if (engine.kind !== "cached-db") return;
      const key = cookie.slice(cookie.indexOf("=") + 1);
      await redis.get().command(["UNLINK", `${copiesOf(engine.space)}:${key}`], new Deadline(DEADLINE));
    },
    async close() {
      await close();
      await closeEngine();
    },
  };
}
