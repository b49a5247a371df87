import { vi } from "vitest";
import { describeInMemory } from "./support/conformance.ts";
import { startH3, startH3OnNode } from "./support/h3-application.ts";

// Nitro 3.0.0 stands on the release candidate.
vi.mock("h3", () => import("h3rc"));
vi.mock("h3/node", () => import("h3rc/node"));

describeInMemory("h3Sessions on h3 2.0.1-rc.2, on Node's response", { start: startH3OnNode });

describeInMemory("h3Sessions on h3 2.0.1-rc.2, on web responses", {
  lacks: { raw: "only web responses reach the server" },
  start: startH3,
});
