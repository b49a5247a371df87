import { describe } from "vitest";
import { speak } from "./support/protocol.ts";

speak("HTTP/2");

// Express itself does not run on it.
describe("over HTTP/2", async () => {
  await import("./node.test.ts");
  await import("./response-hold.test.ts");
  await import("./response-hold-protocol.test.ts");
  await import("./failed-save.test.ts");
  await import("./failed-save-writers.test.ts");
  await import("./failed-save-late.test.ts");
  await import("./two-kinds-of-sessions.test.ts");
  await import("./streams.test.ts");
  await import("./late-session.test.ts");
  await import("./plain-http.test.ts");
  await import("./cross-site.test.ts");
  await import("./after-the-end.test.ts");
  await import("./containment.test.ts");
  await import("./cross-site-sessions.test.ts");
  await import("./caching.test.ts");
  await import("./clients-that-leave.test.ts");
});
