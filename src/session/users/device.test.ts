import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { scaled, seed } from "../../../test/support/scale.ts";
import { describeDevice } from "./device.ts";

const LABEL = /^[A-Za-z0-9 -]{1,31}( on [A-Za-z0-9 ]{1,15})?$/;
const LONGEST = 64;

describe("describeDevice", () => {
  test.each([
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
      "Firefox on Windows",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
      "Safari on iOS",
    ],
    [
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
      "Microsoft Edge on Linux",
    ],
    ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"],
  ])("returns known names: %s", (userAgent, label) => {
    expect(describeDevice(userAgent)).toBe(label);
  });

  test.each([
    "<script>alert(1)</script>/1.0 ",
    `${"My Own Text ".repeat(40)}/1.0 (`,
    "curl/8.5.0",
    "Firefox<b>/128.0 (x",
    "Opera\u202etxt/9.80 (Windows NT 6.1)",
    "\0",
    "",
  ])("never returns the visitor's own text: %j", (userAgent) => {
    expect(describeDevice(userAgent) ?? "Firefox").toMatch(LABEL);
    expect(describeDevice(userAgent) ?? "").not.toMatch(/script|Own|curl|[^ -~]/);
  });

  test("a label has at most 64 characters, made of known names, for any User-Agent", () => {
    const pieces = fc.constantFrom(
      ..."Mozilla/5.0 |(Windows NT 10.0)|; rv:|Firefox/|Chrome/|Safari/|Version/|<b>|'\"|\u202e|😀|/|(|)| |OPR/|; wv|Android|é".split(
        "|",
      ),
    );
    const userAgents = fc.oneof(
      fc.string({ unit: "binary", maxLength: 600 }),
      fc
        .array(fc.oneof(pieces, fc.string({ maxLength: 20 })), { maxLength: 60 })
        .map((parts) => parts.join("")),
    );
    const property = fc.property(userAgents, (userAgent) => {
      const label = describeDevice(userAgent);
      if (label === undefined) return;
      expect(label).toMatch(LABEL);
      expect(label.length).toBeLessThanOrEqual(LONGEST);
    });
    fc.assert(property, { seed, numRuns: scaled(1000, 100_000) });
  });
});
