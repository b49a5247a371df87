import { describe } from "vitest";
import { describeWithEngine, ENGINES } from "../../../support/engines/engines.ts";
import { placeOn } from "../../../support/engines/test-space.ts";
import { type Open, openMemory } from "../../sessions/suites/open.ts";
import { ADAPTERS } from "./adapters.ts";
import type { StartApplication } from "./start-application.ts";

type Define = (open: Open, start: StartApplication) => void;

/** Runs a suite through each adapter, in memory and in Redis. */
export function describeAdapters(define: Define): void {
  describe("sessions in memory", () => {
    describeEach(openMemory, define);
  });
  for (const engine of ENGINES.filter(({ name }) => name === "Redis")) {
    describeWithEngine(engine, "sessions", () => {
      const place = placeOn(engine);
      describeEach(() => place.open(), define);
    });
  }
}

function describeEach(open: Open, define: Define): void {
  describe.each(Object.entries(ADAPTERS))("%s", (_name, start) => {
    define(open, start);
  });
}
