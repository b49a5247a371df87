import assert from "node:assert/strict";
import { once } from "node:events";
import { createDeflate, deflateSync } from "node:zlib";
import { expect, test } from "vitest";

import { Random } from "../../../test/support/random.ts";
import { scaled, seed } from "../../../test/support/scale.ts";
import {
  DjangoCacheCodec,
  DjangoCodec,
  EncryptedCodec,
  JsonCodec,
  type RecordCodec,
  SESSION_SALT,
  Signer,
  SIGNED_COOKIES_SALT,
  type UndecodableReason,
} from "../../codec/index.ts";
import { createSojourn } from "../../create-sojourn.ts";
import { cookieSessionStore } from "../../stores/cookie/index.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { SessionRecord } from "./session-record.ts";

const COUNT = scaled(10_000, 1_000_000);
const SECRETS = {
  secretKey: "a secret of the tests, long enough",
  secretKeyFallbacks: ["an old secret of the tests, as long"],
};
const AT = "k".repeat(32);
const MAX_INFLATED = 8192;
const MEBIBYTE = 2 ** 20;
const LIMIT_REACHED = /nests more than|too many digits/;

/** Text that must not appear in an error. */
const CONFIDENTIAL = "hunter2";

const JSONS = [
  `{"_auth_user_id":"42","_auth_user_hash":"${"d218".repeat(16)}","password":"${CONFIDENTIAL}"}`,
  '{"_sojourn":{"nonce":"0123456789abcdef","created":1700000000000},"cart":{"tea":1},"seen":[1,2.5,null,true]}',
  String.raw`{"n":"\u00e9\ud83d\ude00\u2028\u007f/\"\\\n","half":"\ud800","f":1e+16,"z":-0.0,"i":100000000000000000000}`,
  '{"nan":NaN,"in":[Infinity,-Infinity],"10":1,"9":{"__proto__":{"polluted":1},"constructor":{"prototype":{}}}}',
  '{"__proto__":{"polluted":1},"a": {"b" : [ ] , "c":{}},\t"a":2}\n',
  `{"deep":${"[".repeat(995)}${"]".repeat(995)}}`,
  `{"digits":${"9".repeat(4298)}}`,
  `{"long":"${"ab\\n ".repeat(600)}"}`,
  "{}",
];

const DEFLATED = [
  ...JSONS.map((json) => deflateSync(json)),
  deflateSync(Buffer.alloc(MEBIBYTE, "[")),
  Buffer.alloc(0),
];

/** Fragments with a meaning for one of the readers. */
const PIECES = [
  ...Array.from('"\\{}[]:,.-=_0aZ\0\u007fÿ'),
  "NaN",
  "-Infinity",
  "1e999",
  "\\ud800",
  '"__proto__":',
  '"_sojourn":{',
  "0".repeat(30),
  "[".repeat(8),
  '{"":',
].map((piece) => Buffer.from(piece, "latin1"));

const clock = new ManualClock(1_700_000_000_000);
const django: RecordCodec = new DjangoCodec({ ...SECRETS, clock, maxInflatedBytes: MAX_INFLATED });
const CODECS = {
  django,
  encrypted: new EncryptedCodec(django, SECRETS),
  "encrypted json": new EncryptedCodec(new JsonCodec(), SECRETS),
} as const;
type CodecName = keyof typeof CODECS;

const CODEC_NAMES = Object.keys(CODECS) as CodecName[];
const GENUINE = CODEC_NAMES.flatMap((name) =>
  JSONS.map((json) => ({ name, record: CODECS[name].encode(json, AT) })),
);
const GENUINE_TEXTS = new Set(GENUINE.map(({ record }) => record));

function mutate(bytes: Buffer, other: Buffer, random: Random): Buffer {
  let result = bytes;
  for (let count = random.integer(1, 4); count > 0; count--) result = change(result, other, random);
  return result;
}

function change(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = random.integer(0, bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (random.integer(0, 6)) {
    case 0:
      return Buffer.concat([before, Buffer.from([random.integer(0, 255)]), after.subarray(1)]);
    case 1:
      return Buffer.concat([before, random.pick(PIECES), after]);
    case 2:
      return Buffer.concat([before, random.pick(PIECES), after.subarray(1)]);
    case 3:
      return Buffer.concat([before, after.subarray(random.integer(1, 4))]);
    case 4:
      return Buffer.concat([before, before.subarray(-random.integer(1, 20)), after]);
    case 5:
      return Buffer.concat([before, other.subarray(random.integer(0, other.length))]);
    default:
      return random.next() < 0.3 ? before : bytes;
  }
}

const mutateText = (text: string, other: string, random: Random): string =>
  mutate(Buffer.from(text, "latin1"), Buffer.from(other, "latin1"), random).toString("latin1");

/**
 * Returns the text before the time and the signature: mutated somewhere, but in a form that reaches
 * a reader.
 */
function mutatedBody(random: Random): string {
  const deflated = () => mutate(random.pick(DEFLATED), random.pick(DEFLATED), random).toString("base64url");
  const json = () => Buffer.from(mutateText(random.pick(JSONS), random.pick(JSONS), random), "latin1");
  const makers = {
    plain: () => json().toString("base64url"),
    compressed: () => `.${deflateSync(json()).toString("base64url")}`,
    deflated: () => `.${deflated()}`,
    base64: () => mutateText(json().toString("base64url"), deflated(), random),
  };
  return makers[random.weighted({ plain: 4, compressed: 3, deflated: 3, base64: 1 })]();
}

/** Signs like an attacker who knows a secret, but not the format. */
function signed(body: string, salt: string, random: Random): string {
  const secretKey = random.pick([SECRETS.secretKey, SECRETS.secretKey, ...SECRETS.secretKeyFallbacks]);
  const time = random.next() < 0.05 ? mutateText("1r31eq", "-zzzzzzzzzz", random) : "1r31eq";
  return new Signer({ secretKey }, salt).sign(`${body}:${time}`);
}

const sealed = (text: string): string => new EncryptedCodec(new DjangoCacheCodec(), SECRETS).encode(text, AT);

/** Adds to an error the seed that reproduces it. */
function repeatable<Result>(run: number, task: () => Result): Result {
  try {
    return task();
  } catch (error) {
    throw new Error(`The record of the seed ${seed + run} has led to an error.`, { cause: error });
  }
}

type Outcome = UndecodableReason | "no JSON object" | "read";

/** Checks that an unsigned record is not opened. */
function openForged(random: Random): Outcome {
  const { name, record } = random.pick(GENUINE);
  const forged = mutateText(record, random.pick(GENUINE).record, random);
  const outcome = outcomeOf(CODECS[name], forged);
  const isOpened = outcome === "read" || outcome === "no JSON object";
  assert(!isOpened || GENUINE_TEXTS.has(canonical(forged)));
  return outcome;
}

/**
 * The last character of base64 may have unused bits: the same sealed bytes have several spellings.
 */
function canonical(record: string): string {
  const [, head, rest = ""] = /^(sojourn1\.[^.]*\.)(.*)$/.exec(record) ?? [];
  return head === undefined ? record : head + Buffer.from(rest, "base64url").toString("base64url");
}

function openSigned(random: Random): Outcome {
  const record = signed(mutatedBody(random), SESSION_SALT, random);
  const name = random.weighted({ django: 8, encrypted: 1, "encrypted json": 1 });
  if (name === "django") return outcomeOf(django, record);
  const inner = name === "encrypted" ? record : mutateText(random.pick(JSONS), random.pick(JSONS), random);
  return outcomeOf(CODECS[name], sealed(inner));
}

function outcomeOf(codec: RecordCodec, record: string): Outcome {
  const decoded = codec.decode(record, AT);
  if (!decoded.ok) return decoded.reason;
  const { payload } = decoded.value;
  assert(payload.length <= Math.max(MAX_INFLATED, record.length));
  return readAll(payload) ? "read" : "no JSON object";
}

/** Reads every value, and checks that `JSON.parse` accepts the same texts. */
function readAll(payload: string): boolean {
  let session: SessionRecord;
  try {
    session = SessionRecord.parse(payload);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    assert(!error.message.includes(CONFIDENTIAL));
    assert(LIMIT_REACHED.test(error.message) || !isJsonObject(payload));
    return false;
  }
  assert(isJsonObject(payload.replaceAll(/-?Infinity|NaN/g, "null")));
  for (const key of session.members.keys()) session.read(key);
  const written = session.toPayload(false);
  assert.equal(SessionRecord.parse(written).toPayload(false), written);
  return true;
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

test(
  `of ${COUNT} mutated records, no unsigned one is read, and no signed one does any harm`,
  { timeout: scaled(60_000, 1_800_000) },
  () => {
    const seen: Record<Outcome, number> = {
      "bad-signature": 0,
      malformed: 0,
      "too-large": 0,
      "no JSON object": 0,
      read: 0,
    };
    for (let run = 0; run < COUNT; run++) {
      const random = new Random(seed + run);
      seen[repeatable(run, () => (random.next() < 0.4 ? openForged(random) : openSigned(random)))]++;
    }
    for (const [outcome, count] of Object.entries(seen)) expect(count, outcome).toBeGreaterThan(COUNT / 200);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect("polluted" in {}).toBe(false);
  },
);

test(
  `${COUNT / 10} cookies with mutated records each give a session, an empty one if unsigned`,
  { timeout: scaled(60_000, 1_800_000) },
  async () => {
    const { sessions } = createSojourn<Record<string, unknown>>({
      projectName: "test",
      ...SECRETS,
      clock,
      sessions: { store: cookieSessionStore({ acceptsLostUpdates: true }) },
    });
    const seen = { empty: 0, full: 0, told: 0 };
    for (const name of ["rejected", "undecodable"] as const) sessions.on(name, () => seen.told++);
    for (let run = 0; run < COUNT / 10; run++) {
      const random = new Random(seed + run);
      const genuine = signed(mutatedBody(random), SIGNED_COOKIES_SALT, random);
      const isForged = random.next() < 0.3;
      const value = isForged ? mutateText(genuine, genuine, random) : genuine;
      const session = await sessions.open(`sessionid=${value}`);
      const { length } = Object.keys(structuredClone(session.data));
      assert.equal(session.isEmpty, length === 0);
      // The text after a semicolon is another cookie.
      const isSame = value.split(";", 1)[0] === genuine;
      assert(length === 0 || !isForged || isSame, `seed ${seed + run}`);
      seen[length === 0 ? "empty" : "full"]++;
    }
    for (const [kind, count] of Object.entries(seen)) expect(count, kind).toBeGreaterThan(COUNT / 200);
    expect("polluted" in {}).toBe(false);
  },
);

test("a record that inflates to 128 mebibytes takes no more memory than the cap", async () => {
  const bomb = await deflatedZeros(128);
  const record = new Signer(SECRETS, SESSION_SALT).sign(`.${bomb.toString("base64url")}:1r31eq`);
  const before = process.resourceUsage().maxRSS;
  for (let count = 0; count < 20; count++) {
    expect(django.decode(record, AT)).toEqual({ ok: false, reason: "too-large" });
  }
  // In kibibytes.
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * 1024);
});

async function deflatedZeros(mebibytes: number): Promise<Buffer> {
  const deflate = createDeflate();
  const chunks: Buffer[] = [];
  deflate.on("data", (chunk: Buffer) => chunks.push(chunk));
  const zeros = Buffer.alloc(MEBIBYTE, "0");
  for (let count = 0; count < mebibytes; count++) {
    if (!deflate.write(zeros)) await once(deflate, "drain");
  }
  deflate.end();
  await once(deflate, "end");
  return Buffer.concat(chunks);
}
