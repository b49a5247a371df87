import { vi } from "vitest";

// Nitro 3.0.0 stands on the release candidate.
vi.mock("h3", () => import("h3rc"));
vi.mock("h3/node", () => import("h3rc/node"));

await import("./h3.test.ts");
