import { afterAll, beforeAll, onTestFinished } from "vitest";

import type { EngineDescription } from "./engine-description.ts";
import type { Engine, RunningEngine } from "./engines.ts";
import { openEngine, type OpenedEngine } from "./open-engine.ts";

/** An engine that runs during the tests of a `describe`. */
export interface Place {
  /** An empty place for sessions, for other processes to open. */
  readonly describe: () => Promise<EngineDescription>;
  /** Opens an empty place for the running test. */
  readonly open: () => Promise<OpenedEngine>;
}

/** To be called in a `describe`: starts the servers of an engine before its tests and stops them afterwards. */
export function placeOn(engine: Engine): Place {
  let running: RunningEngine | undefined;

  beforeAll(async () => {
    running = await engine.start();
  });

  afterAll(() => running?.stop());

  const describe = async () => {
    if (running === undefined) throw new Error(`${engine.name} does not run`);
    return running.makeSpace();
  };
  return {
    describe,
    async open() {
      const opened = openEngine(await describe());
      onTestFinished(opened.close);
      return opened;
    },
  };
}
