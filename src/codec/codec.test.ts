import { deflateSync } from "node:zlib";
import { Etag } from "../core/etag.ts";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { decodeBase62, encodeBase62 } from "./base62.ts";
import {
  DjangoCacheCodec,
  DjangoCodec,
  EncryptedCodec,
  escapeNonAscii,
  JsonCodec,
  JsonSigner,
  type RecordCodec,
  sessionAuthHash,
  Signer,
  TimestampSigner,
} from "./index.ts";

// Vectors made with Django 3.2.25 and 5.2.17 (the same), SECRET_KEY "test-secret", time 1700000000.
const SECRETS = { secretKey: "test-secret" };
const TIME = 1_700_000_000;
/** Key under which a record is stored; only encryption uses it. */
const AT = "k".repeat(32);
const LIMITS = { maxInflatedBytes: 1_000_000 };
const B = `{"cart":[${Array.from({ length: 39 }, (_, index) => index + 1).join(",")}],"name":"${"x".repeat(60)}"}`;
const FOO_BAR = "eyJmb28iOiJiYXIifQ:1r31eq:bYGUtMHCVH_f6XANisIYpux5RwXpKOfuokLa0LOYmag";

test("base 62, digits first, then upper case, then lower case", () => {
  for (const [integer, text] of [
    [0, "0"],
    [61, "z"],
    [62, "10"],
    [3843, "zz"],
    [TIME, "1r31eq"],
    [-62, "-10"],
  ] as const) {
    expect(encodeBase62(integer)).toBe(text);
    expect(decodeBase62(text)).toBe(integer);
  }
  for (const text of ["", "-", "é", "zzzzzzzzz", "0".repeat(10), " 1"])
    expect(decodeBase62(text)).toBeUndefined();
});

describe("signs as Django", () => {
  test("Signer and TimestampSigner", () => {
    expect(new Signer(SECRETS, "django.core.signing.Signer").sign("hello")).toBe(
      "hello:GAn4TUIuprONAuJuQ0lyp-wheQUWjlnnUffRs0E6JOU",
    );
    expect(new Signer(SECRETS, "s").sign("hello")).toBe("hello:KauXImAOIigYvQIDgoypnIAsIK-Bsl80gKrNSr0gmzE");
    expect(new TimestampSigner(SECRETS, "s").sign("hello", TIME)).toBe(
      "hello:1r31eq:eVSV8jaSpY-HZO3Xyp5oGv0P6w3KSExZvUvujFcFkBA",
    );
  });

  test.each([
    ['"hello"', "ImhlbGxvIg:1r31eq:emMrpaYeW2KFX4XY82VM-BrZwAWYzUvpqRvcQ-AnVgA"],
    [
      '{"a":1,"b":[true,null,1.5,"é😀"]}',
      "eyJhIjoxLCJiIjpbdHJ1ZSxudWxsLDEuNSwiXHUwMGU5XHVkODNkXHVkZTAwIl19:1r31eq:LRani-dHgHWK9U8BxdVy23ybP4KgEPiqP4laUKQtI-c",
    ],
    [
      B,
      "eyJjYXJ0IjpbMSwyLDMsNCw1LDYsNyw4LDksMTAsMTEsMTIsMTMsMTQsMTUsMTYsMTcsMTgsMTksMjAsMjEsMjIsMjMsMjQsMjUsMjYsMjcsMjgsMjksMzAsMzEsMzIsMzMsMzQsMzUsMzYsMzcsMzgsMzldLCJuYW1lIjoieHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4In0:1r31eq:zCtGs9dWVkr9ODz2S_h-P7wFDPW0VzbnB0cWwlQVmrU",
    ],
  ])("dumps(%s)", (json, signed) => {
    const signer = new JsonSigner(SECRETS, "django.core.signing", LIMITS);
    expect(signer.dumps(json, TIME)).toBe(signed);
    expect(signer.loads(signed)).toStrictEqual({
      ok: true,
      json: escapeNonAscii(json),
      timestamp: TIME,
      isOutdated: false,
    });
  });

  test("dumps(compress=True) compresses only where it saves enough, and stays readable", () => {
    const signer = new JsonSigner(SECRETS, "django.core.signing", LIMITS);
    expect(signer.dumps('{"a":1}', TIME, { compress: true })).toBe(
      "eyJhIjoxfQ:1r31eq:VJPjlIQA3VicNpud60sw5IuBX_6zi5iUM_TGsAyGek8",
    );
    const django =
      ".eJylzLsNAkEQBNFcxi5je3q_lwrCOJ0wwUAYSIjcuRwo_9Unjv35iu0iElNpdAaThQoSSmRUUUMdDTTRIgt5miRNVrKRnRzkJBcuWPhcGlfccMcDT7yuxGO_32KL9x_F9wd9HTbw:1r31eq:1EmNIxpOKP_fi_4W-1z-ZqIFkqGMti7ZeKZXBRj85n4";
    expect(signer.loads(django)).toStrictEqual({ ok: true, json: B, timestamp: TIME, isOutdated: false });
    const ours = signer.dumps(B, TIME, { compress: true });
    expect(ours).toMatch(/^\./);
    expect(signer.loads(ours)).toStrictEqual({ ok: true, json: B, timestamp: TIME, isOutdated: false });
  });

  test("the characters that Python's ensure_ascii escapes, from DEL on, are escaped", () => {
    expect(escapeNonAscii('"~\u007f\u0080\u00e9\u{1f600}"')).toBe('"~\\u007f\\u0080\\u00e9\\ud83d\\ude00"');
  });

  test("the auth hash of a password", () => {
    const password = "pbkdf2_sha256$260000$abc$def=";
    expect(sessionAuthHash(password, "test-secret")).toBe(
      "d218e6d50a6faa9ac22a50a14fe69d80ea95c1abb788d93ba9a6ede6c0c05dba",
    );
    expect(sessionAuthHash(password, "old-secret")).toBe(
      "a7dd8f778f97be5d57f032b41070f35ba518f7cef12058da30f98785a803f27a",
    );
  });
});

describe("DjangoCodec", () => {
  const clock = new ManualClock(TIME * 1000);
  const codec: RecordCodec = new DjangoCodec({ ...SECRETS, clock, ...LIMITS });

  test.each([
    ["{}", "e30:1r31eq:_F3okiP-noHBD-hYzEdpe7d0AmxCfHuvu0s551rcuJM"],
    ['{"foo":"bar"}', FOO_BAR],
  ])("encodes %s to Django's bytes and decodes it", (payload, record) => {
    expect(codec.encode(payload, AT)).toBe(record);
    expect(codec.decode(record, AT)).toStrictEqual({
      ok: true,
      value: { payload, writtenAt: TIME * 1000, isOutdated: false },
    });
  });

  test("decodes a login that Django compressed", () => {
    const decoded = codec.decode(
      ".eJxVjMEOwiAQRP-FsyGABcGj934D2WW3UjWQlPZk_HdL0oMeZ96beYsI25rj1niJM4mrGIw4_ZYI6cmlE3pAuVeZalmXGWVX5EGbHCvx63a4fwcZWu5roz07sgrcBBAgGQN70MPELpBXDMEmDYgX7ymccVccE7ukkrKEID5fLK45dA:1r31eq:m_t87BXapJBQO0APRcAlEKdBFJiSKWDdmis4aDoa84Q",
      AT,
    );
    expect(decoded).toMatchObject({ ok: true });
    expect(JSON.parse(decoded.ok ? decoded.value.payload : "")).toStrictEqual({
      _auth_user_id: "42",
      _auth_user_backend: "django.contrib.auth.backends.ModelBackend",
      _auth_user_hash: "d218e6d50a6faa9ac22a50a14fe69d80ea95c1abb788d93ba9a6ede6c0c05dba",
    });
  });

  test("decodes Python's numbers and escapes without touching them", () => {
    const decoded = codec.decode(
      ".eJyrVspTslKKKTUwSLWMKU2xME4BkqkGBjGlRgZGFiBx8zT9GKWYmJg8JR2lNCUrw1RtQzMdpSolK10DPQMdpUygkAEWUAsAZPIWqw:1r31eq:qchfnjgVg0X2hftZfCma1fiw_CeOdvyu-ZgXaVdH7Kg",
      AT,
    );
    const payload =
      '{"n":"\\u00e9\\ud83d\\ude00\\u2028\\u007f/\\"\\\\\\n","f":1e+16,"z":-0.0,"i":100000000000000000000}';
    expect(decoded).toMatchObject({ ok: true, value: { payload } });
  });

  test("verifies with an earlier secret, and not without it", () => {
    const old = "eyJmb28iOiJiYXIifQ:1r31eq:Hg0twc5J724Lt8sISCRnezGp2CTJ1YyPvGDrOkNHuUo";
    const rotated: RecordCodec = new DjangoCodec({
      ...SECRETS,
      secretKeyFallbacks: ["older", "old-secret"],
      clock,
      ...LIMITS,
    });
    expect(rotated.decode(old, AT)).toMatchObject({
      ok: true,
      value: { payload: '{"foo":"bar"}', isOutdated: true },
    });
    expect(rotated.encode('{"foo":"bar"}', AT)).toBe(FOO_BAR);
    expect(codec.decode(old, AT)).toStrictEqual({ ok: false, reason: "bad-signature" });
  });

  test("a record of the engine signed_cookies, which has another salt, is refused", () => {
    expect(codec.decode("eyJmb28iOiJiYXIifQ:1r31eq:226qcunpVRFbRb8JsIU20JTlES8WVPMJOuzt80OOScM", AT).ok).toBe(
      false,
    );
  });

  test("every single character counts: a record with one changed is refused", () => {
    for (let at = 0; at < FOO_BAR.length; at++) {
      for (const other of ["A", "B", "_", ":"]) {
        const tampered = FOO_BAR.slice(0, at) + other + FOO_BAR.slice(at + 1);
        const isSame = tampered === FOO_BAR;
        expect(codec.decode(tampered, AT).ok).toBe(isSame);
      }
    }
  });

  test.each([
    "",
    ":",
    "::",
    "x",
    FOO_BAR.slice(0, -1),
    `${FOO_BAR}=`,
    FOO_BAR.replaceAll(":", ""),
    "é".repeat(50),
  ])("%j is refused", (record) => {
    expect(codec.decode(record, AT)).toStrictEqual({ ok: false, reason: "bad-signature" });
  });

  test("a record that inflates beyond the limit, or does not inflate, is refused despite its valid signature", () => {
    const signer = new TimestampSigner(SECRETS, "django.contrib.sessions.SessionStore");
    const bomb = deflateSync(Buffer.alloc(1_000_001, "0")).toString("base64url");
    expect(codec.decode(signer.sign(`.${bomb}`, TIME), AT)).toStrictEqual({ ok: false, reason: "too-large" });
    expect(codec.decode(signer.sign(".AAAA", TIME), AT)).toStrictEqual({ ok: false, reason: "malformed" });
    expect(codec.decode(signer.sign(`.${bomb.slice(0, 40)}`, TIME), AT)).toStrictEqual({
      ok: false,
      reason: "malformed",
    });
  });

  test("the etag is the signature: 43 bytes at the end", () => {
    expect(codec.etag(FOO_BAR)).toStrictEqual(new Etag(-43, FOO_BAR.slice(FOO_BAR.lastIndexOf(":") + 1)));
  });
});

describe("JsonCodec", () => {
  const codec: RecordCodec = new JsonCodec();
  const record = '{"_sojourn":{"nonce":"0123456789abcdef","created":1},"a":"é"}';

  test("is the payload itself, with the nonce as etag", () => {
    expect(codec.encode(record, AT)).toBe(record);
    expect(codec.decode(record, AT)).toStrictEqual({
      ok: true,
      value: { payload: record, writtenAt: undefined, isOutdated: false },
    });
    expect(codec.etag(record)).toStrictEqual(new Etag(22, "0123456789abcdef"));
  });

  test.each(["", "{}", '{"a":1}', record.replace("0123", "01x3"), ` ${record}`])(
    "%j has no nonce at its place",
    (text) => {
      expect(codec.decode(text, AT)).toStrictEqual({ ok: false, reason: "malformed" });
    },
  );
});

test("the etag of DjangoCacheCodec is the whole record, a character for each of its bytes", () => {
  expect(new DjangoCacheCodec().etag('{"a":"\u00e9"}')).toStrictEqual(new Etag(0, '{"a":"\u00c3\u00a9"}'));
});

describe("EncryptedCodec", () => {
  const clock = new ManualClock(TIME * 1000);
  const inner = { django: new DjangoCodec({ ...SECRETS, clock, ...LIMITS }), json: new JsonCodec() };
  const payload = '{"_sojourn":{"nonce":"0123456789abcdef"},"a":"é","secret":"hunter2"}';

  describe.each(["django", "json"] as const)("over %s", (format) => {
    const codec = new EncryptedCodec(inner[format], SECRETS);

    test("reads its own records, and shows nothing of them", () => {
      const record = codec.encode(payload, AT);
      expect(record).toMatch(/^sojourn1\.[\w-]{16}\.[\w-]+$/);
      expect(Buffer.from(record, "base64url").toString("latin1")).not.toContain("hunter2");
      expect(codec.decode(record, AT)).toMatchObject({ ok: true, value: { isOutdated: false } });
      const decoded = codec.decode(record, AT);
      expect(JSON.parse(decoded.ok ? decoded.value.payload : "null")).toStrictEqual(JSON.parse(payload));
    });

    test("writes another record each time, with another etag", () => {
      const [first, second] = [codec.encode(payload, AT), codec.encode(payload, AT)];
      expect(first).not.toBe(second);
      expect(codec.etag(first)).toStrictEqual(new Etag(9, first.slice(9, 25)));
      expect(codec.etag(first)).not.toStrictEqual(codec.etag(second));
    });

    test("two records that swap places do not decrypt", () => {
      const other = "o".repeat(32);
      expect(codec.decode(codec.encode(payload, AT), other)).toStrictEqual({
        ok: false,
        reason: "bad-signature",
      });
    });

    test("an earlier secret still reads, and reports the record as outdated", () => {
      const old = new EncryptedCodec(new JsonCodec(), { secretKey: "old-secret" }).encode(payload, AT);
      const rotated = new EncryptedCodec(new JsonCodec(), {
        ...SECRETS,
        secretKeyFallbacks: ["older", "old-secret"],
      });
      expect(rotated.decode(old, AT)).toStrictEqual({
        ok: true,
        value: { payload, writtenAt: undefined, isOutdated: true },
      });
      expect(codec.decode(old, AT)).toStrictEqual({ ok: false, reason: "bad-signature" });
    });

    test("a record with one character changed, cut off or of another form is refused", () => {
      const record = codec.encode(payload, AT);
      for (let at = 0; at < record.length - 1; at++) {
        const tampered = `${record.slice(0, at)}${record[at] === "A" ? "B" : "A"}${record.slice(at + 1)}`;
        expect(codec.decode(tampered, AT).ok).toBe(false);
        expect(codec.decode(record.slice(0, at), AT).ok).toBe(false);
      }
      for (const text of ["", "{}", FOO_BAR]) expect(codec.decode(text, AT).ok).toBe(false);
    });
  });
});
