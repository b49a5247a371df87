import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";
import { findCommand, services } from "../../scripts/services.mjs";

const executablePath = findCommand(
  services.find(({ name }) => name === "chromium")?.tools[0]?.commands ?? [],
);
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * `describe` for tests in a real browser. Without Chromium on PATH they are skipped, but fail in CI, where a
 * test that did not run must not pass.
 *
 * @param flags Further switches of its command line.
 */
export function describeInBrowser(
  title: string,
  define: (browser: () => Browser) => void,
  flags: readonly string[] = [],
): void {
  if (executablePath === undefined && process.env["CI"] === "true") {
    throw new Error("Chromium is not on PATH. Install it, or run: npm run services");
  }
  const reason = executablePath === undefined ? " (skipped: Chromium is not on PATH)" : "";
  describe.skipIf(executablePath === undefined)(`${title}${reason}`, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath: executablePath ?? "",
        args: [...FLAGS, ...flags],
        // Users have the cache of the buttons "back" and "forward"; tests without it would see less than they do.
        ignoreDefaultArgs: ["--disable-back-forward-cache"],
      });
    });
    afterAll(() => browser.close());
    define(() => browser);
  });
}
