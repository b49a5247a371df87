import { expect, test } from "vitest";
import { checkHistory } from "./check.ts";
import type { History, Operation } from "./history.ts";
import {
  BEGUN,
  check,
  created,
  DEADLINE,
  expectNothing,
  expectOnly,
  look,
  operation,
  request,
} from "./check-support.ts";

const loggedIn = look({ user: "7" });
const login = request("l", "login", 10, { user: "7", newKey: "B", setCookie: "B", saw: loggedIn });

test("a session goes on under the key of a renewal, and the old one leads to it", () => {
  const renewing = request("w", "append", 20, { key: "B", setCookie: "C" });
  const late = request("u", "update", 30, { key: "B", foundKey: "C", setCookie: "C" });
  const read = request("r", "read", 40, { key: "C", saw: look({ user: "7", log: ["w"], ids: ["u"], n: 1 }) });
  const end = look({ user: "7", log: ["w"], ids: ["u"], n: 1 });
  expectNothing(check([login, renewing, late, read], { A: undefined, B: end, C: end }));
  expectNothing(check([login, renewing, late, read], { A: undefined, B: undefined, C: end }));
  expectOnly(check([login, renewing, late, read], { A: undefined, C: undefined }), "lost", /gone at the end/);
  const stale = { ...read, saw: look({ user: "7", log: ["w"] }) };
  expectOnly(
    check([login, renewing, late, stale], { A: undefined, C: end }),
    "lost",
    /update u .* missing in read r/,
  );
});

test("a renewal whose answer was lost is known by what its old key leads to", () => {
  const failed = request("w", "append", 20, { key: "B", ending: "unknown" });
  const found = request("r", "read", 30, { key: "B", foundKey: "C", setCookie: "C", saw: loggedIn });
  expectNothing(check([login, failed, found], { A: undefined, B: undefined, C: loggedIn }));
});

test("an old key that leads to what a login has made is a resurrection", () => {
  const late = request("r", "read", 30, { foundKey: "B", saw: loggedIn });
  const { resurrected } = check([login, late], { A: loggedIn, B: loggedIn });
  expect(resurrected).toContainEqual(
    expect.stringMatching(/login l .* has led to what create c .* has made/),
  );
});

test.each(["logout", "revoke"] as const)("a %s with an old key ends what the key has led to", (kind) => {
  const end = request("q", kind, 9, { actAt: 30, end: 35 });
  expectNothing(check([login, end], { A: undefined, B: undefined }));
  expectOnly(
    check([login, end], { A: undefined, B: loggedIn }),
    "resurrected",
    /there at the end, after \w+ q/,
  );
  const read = request("r", "read", 40, { key: "B", saw: loggedIn });
  expectOnly(
    check([login, end, read], { A: undefined, B: undefined }),
    "resurrected",
    /read r .* after \w+ q/,
  );
  const unknown = { ...end, ending: "unknown" } as const;
  expectNothing(check([login, unknown], { A: undefined, B: loggedIn }));
  expectNothing(check([login, unknown], { A: undefined, B: undefined }));
});

test("a visitor who has logged in and is a stranger, though nothing has ended that, was logged out", () => {
  const fresh = request("r", "read", 30, { key: "B", saw: look() });
  const { loggedOut } = check([login, fresh], { A: undefined, B: loggedIn });
  expect(loggedOut).toStrictEqual([expect.stringMatching(/read r .*: logged out, after login l/)]);
  const stranger = request("r", "read", 30, { key: "X", isStranger: true, foundKey: undefined });
  expect(check([login, stranger], { A: undefined, B: loggedIn }).loggedOut).toHaveLength(1);
  const logout = request("q", "logout", 20, { key: "B" });
  const after = request("r", "read", 30, {
    key: "B",
    isStranger: true,
    foundKey: undefined,
    ending: "absent",
  });
  expectNothing(check([login, logout, after], { A: undefined, B: undefined }));
  const revocation = operation("v", "revokeUser", 20, { key: undefined, user: "7", ending: "unknown" });
  expectNothing(check([login, revocation, after], { A: undefined, B: undefined }));
});

test("a request that was sent before the response of the login may be a stranger's", () => {
  const early = request("r", "read", 14, { isStranger: true, foundKey: undefined, ending: "absent" });
  expectNothing(check([login, early], { A: undefined, B: loggedIn }));
});

test("a response that sets the cookie of a session which had ended before it left logs people out", () => {
  const late = request("r", "read", 11, { end: 30, headAt: 25, setCookie: "A", saw: look() });
  expectOnly(
    check([login, late], { A: undefined, B: loggedIn }),
    "loggedOut",
    /read r .* has set the cookie of what login l/,
  );
  expectNothing(check([login, { ...late, headAt: 12 }], { A: undefined, B: loggedIn }));
});

test("a response whose store does not answer may set the cookie of the key that its request has made, and no other", () => {
  const late = request("r", "getUser", 11, { end: 30, headAt: 25, saw: look(), isUnconfirmed: true });
  const end = { A: undefined, B: loggedIn, E: undefined };
  expectNothing(check([login, { ...late, setCookie: "E" }], end));
  expect(check([login, { ...late, setCookie: "A" }], end).loggedOut).toHaveLength(1);
});

test("a response that clears the cookie of a session which nobody has ended logs people out", () => {
  const read = request("r", "read", 20, { key: "B", setCookie: "", saw: loggedIn });
  expectOnly(
    check([login, read], { A: undefined, B: loggedIn }),
    "loggedOut",
    /read r .* has cleared the cookie/,
  );
});

test("a late request with a key that a login has replaced begins no session; one whose session was revoked may", () => {
  const stranger = {
    isStranger: true,
    isLate: true,
    foundKey: undefined,
    ending: "absent",
    newKey: "F",
  } as const;
  const late = request("w", "append", 30, stranger);
  const end = { A: undefined, B: loggedIn, F: look({ lineage: undefined, log: ["w"] }) };
  expectOnly(
    check([login, { ...late, setCookie: "F" }], end),
    "loggedOut",
    /append w .* has begun a session, after login l/,
  );
  const revoke = request("v", "revoke", 10);
  expectNothing(check([revoke, { ...late, setCookie: "F" }], { A: undefined, F: end.F }));
});

test("a session that a login is moving may be gone under its old key and there under the one it was renewed to", () => {
  const renewing = request("w", "append", 20, { key: "B", setCookie: "C" });
  const interrupted = request("u", "append", 31, { key: "B", ending: "interrupted" });
  const read = request("r", "read", 37, { key: "C", saw: look({ user: "7", log: ["w"] }) });
  const again = { user: "7", key: "B", newKey: "D", setCookie: "D", saw: look({ user: "7", log: ["w"] }) };
  const moving = request("m", "login", 30, { ...again, end: 40 });
  const end = { A: undefined, C: undefined, D: look({ user: "7", log: ["w"] }) };
  expectNothing(check([login, renewing, interrupted, read, moving], end));
  const done = request("m", "login", 30, { ...again, end: 36 });
  expectOnly(
    check([login, renewing, interrupted, read, done], end),
    "resurrected",
    /read r .* after login m/,
  );
});

test("a session may be gone for a login of its user, where as many were there as are allowed", () => {
  const elsewhere = request("n", "login", 30, {
    key: undefined,
    user: "7",
    newKey: "D",
    setCookie: "D",
    saw: BEGUN,
  });
  const end = { A: undefined, B: undefined, D: look({ ...BEGUN }) };
  const checkWith = (maxPerUser: number, more: readonly Operation[] = []) =>
    check([login, ...more, elsewhere], end, [], maxPerUser).lost;
  expect(checkWith(1)).toStrictEqual([]);
  expect(checkWith(2)).toStrictEqual([expect.stringMatching(/gone at the end, but nothing has ended it/)]);
  // A session whose key is being renewed is listed under both keys.
  expect(
    checkWith(2, [request("w", "renew", 29, { key: "B", setCookie: "B", saw: loggedIn })]),
  ).toStrictEqual([]);
  // A login that failed may be listed.
  expect(
    checkWith(2, [request("x", "login", 20, { key: undefined, user: "7", ending: "unknown" })]),
  ).toStrictEqual([]);
});

test("a login that joins one under way shows the session of that one, whatever earlier answers got lost", () => {
  const other = operation("d", "create", 1, { key: undefined, newKey: "X" });
  const lost = operation("l", "login", 10, { key: "X", user: "7", ending: "unknown" });
  const write = operation("w", "append", 20);
  const begun = operation("n", "login", 30, { user: "7", newKey: "B", saw: BEGUN, end: 60 });
  const saw = look({ user: "7", log: ["w"] });
  const joined = operation("j", "login", 32, { user: "7", newKey: "C", saw, isJoined: true });
  const logout = operation("q", "logout", 31, { end: 55 });
  const all = [other, lost, write, begun, joined, logout];
  const end = { A: undefined, B: BEGUN, C: undefined, X: look({ lineage: "d" }) };
  expectNothing(check(all, end));
  const wrong = { ...joined, saw: { ...look({ user: "7" }), lineage: "e" } };
  const { mixed } = check([...all.filter((each) => each !== joined), wrong], end);
  expect(mixed).toStrictEqual([expect.stringMatching(/shows the session e/)]);
});

test("a login may join one that is being logged out, under the key of a renewal that no response brings", () => {
  const write = request("w", "append", 25, { key: "B" });
  const logout = request("q", "logout", 30, { key: "B", setCookie: "", end: 60 });
  const renewing = request("x", "append", 31, { key: "B", ending: "not-sent", end: 58 });
  const saw = look({ user: "7", log: ["w", "x"] });
  const stranger = { isStranger: true, isLate: true, foundKey: undefined } as const;
  const joining = request("j", "login", 32, {
    ...stranger,
    user: "7",
    newKey: "D",
    saw,
    isJoined: true,
    end: 55,
  });
  const final = { A: undefined, B: undefined, D: undefined };
  expectNothing(check([login, write, logout, renewing, joining], final));
  const other = { ...joining, saw: look({ user: "7", log: ["w", "y"] }) };
  expectOnly(
    check([login, write, logout, renewing, other], final),
    "phantom",
    /append y cannot be in login j/,
  );
  expectOnly(
    check([login, write, renewing, joining], { ...final, B: look({ user: "7", log: ["w"] }) }),
    "phantom",
    /append x cannot be in login j/,
  );
});

test("what became of a key is remembered for as long as the engine's clock says", () => {
  const stranger = { isStranger: true, isLate: true, foundKey: undefined, ending: "absent" } as const;
  const late = request("w", "append", 3000, { ...stranger, newKey: "F", setCookie: "F" });
  const final = new Map([
    ["A", undefined],
    ["B", loggedIn],
    ["F", look({ lineage: undefined, log: ["w"] })],
  ]);
  const history: History = { operations: [created, login, late], pauses: [], final };
  expectOnly(checkHistory(history, DEADLINE), "loggedOut", /has begun a session, after login l/);
  expectNothing(checkHistory({ ...history, clockSpeed: 20 }, DEADLINE));
});
