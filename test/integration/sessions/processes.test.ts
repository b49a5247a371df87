import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createSojourn } from "sojourn";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { describeWithEngine, ENGINES } from "../../support/engines/engines.ts";
import { openEngine } from "../../support/engines/open-engine.ts";
import { placeOn } from "../../support/engines/test-space.ts";
import { buildProgram } from "../../support/program.ts";

const run = promisify(execFile);

let program: string;

beforeAll(async () => {
  program = await buildProgram(new URL("updating-process.ts", import.meta.url));
});

for (const engine of ENGINES) {
  // Elsewhere than on Redis two are enough to show it: a process takes its time to start.
  const [processes, times] = engine.name === "Redis" ? [4, 25] : [2, 50];
  describeWithEngine(engine, "several processes", () => {
    const place = placeOn(engine);

    test(`${processes} processes that count to ${times} in one session at the same time: 100`, async () => {
      const description = await place.describe();
      const { redis, store, format, close: closeEngine } = openEngine(description);
      onTestFinished(closeEngine);
      const secretKey = "the secret of the integration tests";
      const { sessions, close } = createSojourn({
        projectName: "shop",
        secretKey,
        redis,
        sessions: { store, format, deadline: "10s" },
      });
      onTestFinished(close);
      const { cookieHeader = "" } = await sessions.create({ first: true });
      const args = [program, JSON.stringify(description), cookieHeader, String(times)];
      await Promise.all(Array.from({ length: processes }, () => run(process.execPath, args)));
      expect((await sessions.open(cookieHeader)).data).toStrictEqual({ first: true, n: 100 });
    });
  });
}
