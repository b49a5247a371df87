import "temporal-polyfill/global";
import { Temporal } from "temporal-polyfill";
import fc from "fast-check";
import { expect } from "vitest";
import { CacheCoder, JsonSerializer, zlibCompressor } from "sojourn";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { type Compression, pack, unpack } from "../../src/cache/entry/compression.ts";
import { scaled, seed } from "../support/scale.ts";
import { redisTest } from "../support/fixtures/redis.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { arbitrarySession } from "./support/arbitrary-session.ts";
import { javaScriptView, pythonView } from "./support/describe-value.ts";
import { describeWithDjango } from "./support/django-peer.ts";
import { prepareDjango } from "./support/virtual-environment.ts";

const COUNT = scaled(200, 5000);
const COMPRESSION: Compression = { compressor: zlibCompressor(), minLength: 16, maxInflatedBytes: 2 ** 26 };
/** `$` of the protocol: strings come as bytes. */
const BYTES = { 36: Buffer } as const;

/** Python's answer for a value: its dump as JSON, and its meaning. */
type Report = Record<string, { dumped?: string | undefined; means: string }>;

/** A kind of values: how Node makes, dumps and loads one, and what it means, in Python's words. */
interface Kind<Value> {
  readonly values: fc.Arbitrary<Value>;
  readonly dump: (value: Value) => unknown;
  readonly load: (dumped: never) => Value;
  readonly means: (value: Value) => string;
}

const kind = <Value>(each: Kind<Value>): Kind<never> => each as unknown as Kind<never>;
const number = (most: number): fc.Arbitrary<number> => fc.oneof(fc.nat(most), fc.constant(0));
const time = fc.record({
  hour: number(23),
  minute: number(59),
  second: number(59),
  microsecond: number(999_999),
});
const instant = fc
  .bigInt({ min: -62_000_000_000_000_000n, max: 253_000_000_000_000_000n })
  .map((microseconds) => Temporal.Instant.fromEpochNanoseconds(microseconds * 1000n));
const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Africa/Monrovia", "+05:45");

const KINDS: Readonly<Record<string, Kind<never>>> = {
  datetime: kind({
    values: fc.tuple(instant, zone).map(([moment, name]) => moment.toZonedDateTimeISO(name)),
    dump: CacheCoder.dumpDatetime,
    load: loadMoment,
    means: (moment) => String(moment.epochNanoseconds / 1000n),
  }),
  naive: kind({
    values: instant.map((moment) => moment.toZonedDateTimeISO("UTC").toPlainDateTime()),
    dump: CacheCoder.dumpDatetime,
    load: (text) => CacheCoder.loadDatetime(text, { as: "temporal" }) as Temporal.PlainDateTime,
    means: (moment) => isoTime(moment.toString()),
  }),
  date: kind({
    values: instant.map((moment) => moment.toZonedDateTimeISO("UTC").toPlainDate()),
    dump: CacheCoder.dumpDate,
    load: (text) => CacheCoder.loadDate(text, { as: "temporal" }) as Temporal.PlainDate,
    means: String,
  }),
  time: kind({
    values: fc
      .tuple(time, fc.constantFrom(undefined, "+00:00", "-03:30:15"))
      .map(([at, offset]) => ({ ...at, offset })),
    dump: CacheCoder.dumpTime,
    load: (text) => ({ offset: undefined, ...CacheCoder.loadTime(text) }),
    means: ({ offset = "", microsecond, ...at }) =>
      isoTime(String(Temporal.PlainTime.from(at).add({ microseconds: microsecond }))) + offset,
  }),
  timedelta: kind({
    values: fc
      .integer({ min: -(2 ** 52), max: 2 ** 52 })
      .map((count) => Temporal.Duration.from({ microseconds: count })),
    dump: CacheCoder.dumpTimedelta,
    load: (seconds) => CacheCoder.loadTimedelta(seconds, { as: "temporal" }) as Temporal.Duration,
    means: (span) => String(span.seconds * 1e6 + span.milliseconds * 1000 + span.microseconds),
  }),
  decimal: kind({
    values: fc
      .tuple(fc.bigInt(), fc.integer({ min: -12, max: 12 }))
      .map(([digits, exponent]) => `${digits}E${exponent}`),
    dump: CacheCoder.dumpDecimal,
    load: CacheCoder.loadDecimal,
    means: CacheCoder.dumpDecimal,
  }),
  uuid: kind({
    values: fc.uuid(),
    dump: CacheCoder.dumpUuid,
    load: CacheCoder.loadUuid,
    means: (uuid) => uuid.replaceAll("-", ""),
  }),
  set: kind({
    values: fc
      .uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "é") }))
      .map((members) => new Set(members)),
    dump: CacheCoder.dumpSet,
    load: (list: string[]) => CacheCoder.loadSet(list),
    means: (members) => pythonList([...members].toSorted()),
  }),
  bytes: kind({
    values: fc.uint8Array({ maxLength: 40 }),
    dump: CacheCoder.dumpBytes,
    load: CacheCoder.loadBytes,
    means: (bytes) => `[${bytes.join(", ")}]`,
  }),
  bool: kind({
    values: fc.boolean(),
    dump: CacheCoder.dumpBool,
    load: CacheCoder.loadBool,
    means: (flag) => (flag ? "True" : "False"),
  }),
};

describeWithDjango("values of a cache that Python and Node share", () => {
  describeWithRedis("in one Redis", () => {
    const test = redisTest.extend("python", ({ server }) => async (...args: string[]): Promise<Report> => {
      const environment = await prepareDjango();
      if ("obstacle" in environment) throw new Error(environment.obstacle);
      const script = inProject("test", "interop", "peer", "cache_values.py");
      const [operation = "", ...rest] = args;
      const { status, output } = await run(environment.python, [
        "-B",
        "-X",
        "utf8",
        script,
        operation,
        server.url,
        ...rest,
      ]);
      if (status !== 0) throw new Error(output);
      return JSON.parse(output) as Report;
    });

    test("Node reads what Python stores: CacheCoder's kinds, and JSON of both styles in zlib or not", async ({
      python,
      client,
    }) => {
      const report = await python("write", String(seed), String(COUNT));
      const counts: Record<string, number> = {};
      for (const [key, { dumped, means }] of Object.entries(report)) {
        const [, name = ""] = key.split(":");
        counts[name] = (counts[name] ?? 0) + 1;
        const stored = (await client.withTypeMapping(BYTES).get(key)) ?? Buffer.alloc(0);
        const expected = {
          dumped: dumped === undefined ? undefined : (JSON.parse(dumped) as unknown),
          means,
        };
        expect(readByNode(KINDS[name], stored), key).toStrictEqual(expected);
      }
      expect(counts).toEqual(
        Object.fromEntries([...Object.keys(KINDS), "packed"].map((name) => [name, COUNT])),
      );
    });

    test("Python reads what Node stores: CacheCoder's kinds, and JSON in zlib or not", async ({
      client,
      python,
    }) => {
      const expected: Report = {};
      for (const [name, each] of Object.entries(KINDS)) {
        for (const [index, value] of fc.sample(each.values, { numRuns: COUNT, seed }).entries()) {
          const key = `node:${name}:${index}`;
          const dumped = each.dump(value);
          await client.set(key, JsonSerializer.dump(dumped));
          expected[key] = { dumped: pythonDump(name, dumped), means: each.means(value) };
        }
      }
      for (const [index, value] of fc.sample(arbitrarySession, { numRuns: COUNT, seed }).entries()) {
        const key = `node:packed:${index}`;
        await client.set(key, Buffer.from(pack(JsonSerializer.dump(value), COMPRESSION)));
        expected[key] = { means: pythonView(value) };
      }
      const report = await python("read");
      expect(Object.keys(report)).toHaveLength(Object.keys(expected).length);
      for (const [key, { dumped = "", means }] of Object.entries(report)) {
        expect(means, key).toBe(expected[key]?.means);
        // Python's sets have an order of their own.
        const ordered = key.startsWith("node:set:")
          ? pythonList((JSON.parse(dumped) as string[]).toSorted())
          : dumped;
        expect(ordered, key).toBe(expected[key]?.dumped ?? "");
      }
    });

    test("an integer stays digits beside compressed values, so both sides can count with it", async ({
      client,
    }) => {
      await client.set("count", Buffer.from(pack(JsonSerializer.dump(10 ** 15), COMPRESSION)));
      expect(await client.incr("count")).toBe(10 ** 15 + 1);
      const stored = await client.withTypeMapping(BYTES).get("count");
      expect(JsonSerializer.load(unpack(stored ?? Buffer.alloc(0), COMPRESSION))).toBe(10 ** 15 + 1);
    });
  });
});

/** The moment of a text, also where no zone of Temporal has its offset. */
function loadMoment(text: string): Temporal.ZonedDateTime {
  const { offset = "" } = CacheCoder.loadDatetime(text, { as: "fields" });
  if (offset.length === "+00:00".length)
    return CacheCoder.loadDatetime(text, { as: "temporal" }) as Temporal.ZonedDateTime;
  const local = CacheCoder.loadDatetime(text.slice(0, -offset.length), {
    as: "temporal",
  }) as Temporal.PlainDateTime;
  const distance = (CacheCoder.loadTime(offset.slice(1), { as: "temporal" }) as Temporal.PlainTime).since(
    "00:00",
  );
  const utc = local.toZonedDateTime("UTC");
  return offset.startsWith("-") ? utc.add(distance) : utc.subtract(distance);
}

/** Without a kind it is any JSON, packed. */
function readByNode(each: Kind<never> | undefined, stored: Buffer): { dumped: unknown; means: string } {
  if (each === undefined) {
    const value = JsonSerializer.load(unpack(stored, COMPRESSION));
    return { dumped: undefined, means: javaScriptView(value) };
  }
  const dumped = JsonSerializer.load(stored.toString());
  return { dumped, means: each.means(each.load(dumped as never)) };
}

/** Returns the text of Python's `json.dumps` for a value that it has loaded and dumped again. */
function pythonDump(name: string, dumped: unknown): string {
  if (name === "set") return pythonList((dumped as string[]).toSorted());
  if (name !== "timedelta") return pythonText(dumped);
  const seconds = dumped as number;
  const text = Number.isInteger(seconds) ? `${seconds}.0` : String(seconds);
  return Math.abs(seconds) < 1e-4 && seconds !== 0 ? exponential(seconds) : text;
}

/** Python's repr has an exponent below 0.0001, of two digits at least. */
function exponential(seconds: number): string {
  return seconds.toExponential().replace(/e-(\d)$/, "e-0$1");
}

function pythonList(members: readonly string[]): string {
  return `[${members.map(pythonText).join(", ")}]`;
}

function pythonText(text: unknown): string {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, escaped);
}

/** Temporal writes as many digits as are needed, Python six. */
function isoTime(text: string): string {
  return text.replace(/\.(\d+)$/, (_match, digits: string) => `.${digits.padEnd(6, "0")}`);
}
