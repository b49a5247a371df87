import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inProject } from "../../scripts/lib/project.mjs";
import { encodeBase62 } from "../../src/codec/base62.ts";
import { describeWithDjango } from "./support/django-peer.ts";
import { NodeSite } from "./support/node-site.ts";

/** The file in which the unit tests keep values signed by Django. */
const UNIT_TESTS = "src/codec/codec.test.ts";

/** Their secret. */
const SECRET = "test-secret";

const SALTS = ["django.core.signing", "django.contrib.sessions.SessionStore"];

/** The constants of the unit tests: signed texts, and hashes in hexadecimal. */
function constants(): string[] {
  const source = readFileSync(inProject(UNIT_TESTS), "utf8");
  return [...source.matchAll(/"([^"\s]*:[\w-]{43}|[0-9a-f]{64})"/g)].map((match) => match[1] ?? "");
}

// The bytes of a compressed text depend on the zlib that Python was built with, so such a text is read instead.
const isCompressed = (text: string): boolean => text.startsWith(".");

describeWithDjango("Django's signing", (django) => {
  test("makes every constant of the unit tests that is not compressed, at their time and with their secret", async () => {
    const plain = new Set(constants().filter((text) => !isCompressed(text)));
    const vectors = (await django().call("vectors", { secret: SECRET })).filter(
      (text) => !isCompressed(text),
    );
    expect(plain.size).toBeGreaterThanOrEqual(12);
    expect(new Set(vectors)).toEqual(plain);
  });

  test("takes every compressed constant of the unit tests for its own", async () => {
    const compressed = constants().filter(isCompressed);
    expect(compressed).toHaveLength(3);
    for (const signed of compressed) {
      const answers = await Promise.all(
        SALTS.map((salt) => django().call("loads", { signed, salt, secret: SECRET })),
      );
      expect(answers).toContain(true);
    }
  });

  test("writes times in the base 62 that Node writes", async () => {
    const integers = [0, 1, 9, 10, 35, 36, 61, 62, 3843, 3844, 1_700_000_000, 2 ** 32, 2 ** 53 - 1, -1, -62];
    expect(await django().call("base62", { integers })).toEqual(
      integers.map((integer) => encodeBase62(integer)),
    );
  });

  test("refuses a record of Node's, and Node one of Django's, whichever character was changed", async () => {
    const site = new NodeSite();
    const fromDjango = await django().call("make", { seed: 1, index: 1 });
    for (const record of [await site.write({ cart: { tea: 1 } }), fromDjango.record]) {
      const spellings = [...tamperedSpellings(record)];
      for (const tampered of spellings) {
        const read = await django().call("decode", { record: tampered });
        expect(read).toEqual({ members: [], complaints: ["Session data corrupted"] });
        expect((await site.open(tampered)).isEmpty).toBe(true);
      }
      expect(site.undecodable.splice(0)).toEqual(spellings.map(() => "bad-signature"));
    }
  });
});

/** A record with one character changed, at each place of a short one and at 200 places of a long one. */
function* tamperedSpellings(record: string): Generator<string> {
  const step = Math.max(1, Math.floor(record.length / 200));
  for (let at = 0; at < record.length; at += step) {
    const other = record[at] === "A" ? "B" : "A";
    yield record.slice(0, at) + other + record.slice(at + 1);
  }
  yield record.slice(0, -1);
  yield `${record}=`;
  yield record.replaceAll(":", "");
  yield "";
}
