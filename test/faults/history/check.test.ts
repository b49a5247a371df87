import { expect, test } from "vitest";
import { BEGUN, check, DEADLINE, expectNothing, expectOnly, look, operation } from "./check-support.ts";

test("a history in which everything went well has no findings", () => {
  const operations = [
    operation("s", "set", 10, { lane: "L" }),
    operation("a", "append", 12),
    operation("u", "update", 14),
    operation("r", "read", 30, { saw: look({ own: { L: "s" }, log: ["a"], ids: ["u"], n: 1 }) }),
    operation("y", "cycleKey", 40, {
      newKey: "B",
      saw: look({ own: { L: "s" }, log: ["a"], ids: ["u"], n: 1 }),
    }),
    operation("x", "append", 50, { ending: "absent" }),
    operation("q", "logout", 60, { key: "B" }),
    operation("z", "read", 70, { key: "B", ending: "absent" }),
  ];
  expectNothing(check(operations, { A: undefined, B: undefined }));
});

test.each(["set", "append", "update"] as const)(
  "an acknowledged %s that is missing at the end is lost",
  (kind) => {
    expectOnly(check([operation("w", kind, 10)], { A: look() }), "lost", /^\w+ w .* is missing in the end$/);
  },
);

test("an acknowledged write that a later read does not see is lost, though it is there at the end", () => {
  const read = operation("r", "read", 20, { saw: look() });
  expectOnly(
    check([operation("w", "append", 10), read], { A: look({ log: ["w"] }) }),
    "lost",
    /missing in read r/,
  );
});

test("a read that overlaps a write may or may not see it", () => {
  const early = operation("r", "read", 12, { saw: look() });
  const write = operation("w", "append", 10);
  expectNothing(check([write, early], { A: look({ log: ["w"] }) }));
  expectNothing(check([write, { ...early, saw: look({ log: ["w"] }) }], { A: look({ log: ["w"] }) }));
});

test("an acknowledged write that did not come along to the new key is lost", () => {
  const cycle = operation("y", "cycleKey", 20, { newKey: "B", saw: look({ log: ["w"] }) });
  const findings = check([operation("w", "append", 10), cycle], { A: undefined, B: look() });
  expectOnly(findings, "lost", /append w .* is missing in the end/);
});

test("an own part that falls back to an older acknowledged value is a lost update", () => {
  const writes = [operation("s1", "set", 10, { lane: "L" }), operation("s2", "set", 20, { lane: "L" })];
  expectOnly(check(writes, { A: look({ own: { L: "s1" } }) }), "lost", /set s2 .* is missing/);
});

test("an operation of unknown outcome may be there or not", () => {
  const write = operation("w", "update", 10, { ending: "unknown" });
  expectNothing(check([write], { A: look() }));
  expectNothing(check([write], { A: look({ ids: ["w"], n: 1 }) }));
});

test.each(["not-sent", "conflict"] as const)(
  "the effect of an operation that ended %s is a phantom",
  (ending) => {
    const write = operation("w", "append", 30, { ending });
    expectOnly(check([write], { A: look({ log: ["w"] }) }), "phantom", /append w cannot be in the end/);
  },
);

test("the effect of an interrupted operation is a phantom, in a session that should be gone", () => {
  const logout = operation("q", "logout", 30, { ending: "unknown" });
  const write = operation("w", "append", 30, { ending: "interrupted" });
  const { phantom, resurrected, lost } = check([write, logout], { A: look({ log: ["w"] }) });
  expect(phantom).toStrictEqual([expect.stringMatching(/append w cannot be in the end/)]);
  expect(resurrected).toStrictEqual([expect.stringMatching(/there at the end, after append w/)]);
  expect(lost).toStrictEqual([]);
});

test("half of an update is a phantom", () => {
  const findings = check([operation("w", "update", 10)], { A: look({ ids: ["w"], n: 2 }) });
  expectOnly(findings, "phantom", /counts 2 updates, but has 1/);
});

test("a session that is gone though nothing has ended it is lost", () => {
  expectOnly(check([], { A: undefined }), "lost", /gone at the end/);
  const absent = operation("r", "read", 10, { ending: "absent" });
  expect(check([absent], { A: undefined }).lost).toContainEqual(
    expect.stringMatching(/read r .* nothing has ended it/),
  );
});

test("a logout that said it was not sent explains nothing, one of unknown outcome does", () => {
  const logout = operation("q", "logout", 10, { ending: "not-sent" });
  expectOnly(check([logout], { A: undefined }), "lost", /gone at the end/);
  expectNothing(check([{ ...logout, ending: "unknown" }], { A: undefined }));
  expectNothing(check([{ ...logout, ending: "unknown" }], { A: look() }));
});

test.each(["read", "append", "update", "cycleKey"] as const)(
  "a %s after logout has returned is a resurrection",
  (kind) => {
    const made = kind === "cycleKey" ? { newKey: "B" } : {};
    const saw = kind === "append" || kind === "update" ? {} : { saw: look() };
    const late = operation("x", kind, 20, { ...made, ...saw });
    const findings = check([operation("q", "logout", 10), late], { A: undefined });
    expect(findings.resurrected).toStrictEqual([expect.stringMatching(/x .* after logout q/)]);
  },
);

test("a write that began before logout but acted after it had returned is a resurrection", () => {
  const late = operation("w", "append", 9, { actAt: 20, end: 25 });
  expectOnly(
    check([operation("q", "logout", 10), late], { A: undefined }),
    "resurrected",
    /append w .* after logout q/,
  );
});

test("a write that overlaps logout may succeed", () => {
  expectNothing(check([operation("q", "logout", 10), operation("w", "append", 11)], { A: undefined }));
});

test("a session that is there at the end after logout is a resurrection", () => {
  expectOnly(check([operation("q", "logout", 10)], { A: look() }), "resurrected", /there at the end/);
});

test("a session that was seen dead once stays dead, whatever has ended it", () => {
  const operations = [
    operation("q", "logout", 10, { ending: "unknown" }),
    operation("x", "read", 20, { ending: "absent" }),
    operation("r", "read", 30, { saw: look() }),
  ];
  expectOnly(check(operations, { A: undefined }), "resurrected", /read r .* after read x/);
});

test("a session that was seen gone while it was ended is not seen again, unless the cache has dropped the mark", () => {
  const logout = operation("q", "logout", 10, { end: 30 });
  const gone = operation("x", "read", 15, { ending: "absent" });
  const back = operation("r", "read", 22, { saw: look() });
  const eviction = operation("v", "evict", 12);
  expectOnly(check([logout, gone, back], { A: undefined }), "resurrected", /read r .* after read x/);
  expectOnly(
    check([{ ...eviction, start: 0, actAt: 0, end: 9 }, logout, gone, back], { A: undefined }),
    "resurrected",
    /r/,
  );
  expectNothing(check([logout, eviction, gone, back], { A: undefined }));
  const late = { ...back, start: 31, actAt: 32, end: 36 };
  expectOnly(
    check([logout, eviction, gone, late], { A: undefined }),
    "resurrected",
    /read r .* after logout q/,
  );
  expectOnly(
    check([logout, eviction, gone, back], { A: look() }),
    "resurrected",
    /there at the end, after logout q/,
  );
});

test("an old key that lives on beside its new one is a resurrection", () => {
  const cycle = operation("y", "cycleKey", 10, { newKey: "B", saw: look() });
  expectOnly(check([cycle], { A: look(), B: look() }), "resurrected", /there at the end, after cycleKey y/);
  const second = operation("z", "cycleKey", 11, { newKey: "C", saw: look() });
  expectOnly(
    check([cycle, second], { A: undefined, B: look(), C: look() }),
    "resurrected",
    /carried over before/,
  );
});

test("a session of a user that is there after revokeUser is a resurrection, unless its login overlapped", () => {
  const login = operation("l", "login", 10, { user: "7", newKey: "B", saw: look({ user: "7" }) });
  const revoke = operation("v", "revokeUser", 30, { key: undefined, user: "7" });
  const B = look({ user: "7" });
  expectNothing(check([login, revoke], { A: undefined, B: undefined }));
  expectOnly(
    check([login, revoke], { A: undefined, B }),
    "resurrected",
    /there at the end, after revokeUser v/,
  );
  expectNothing(check([login, { ...revoke, actAt: 12 }], { A: undefined, B }));
  const other = { ...revoke, user: "8" };
  expectOnly(check([login, other], { A: undefined, B: undefined }), "lost", /gone at the end/);
});

test("a session of a user that got a new key while the user was revoked is dead too", () => {
  const login = operation("l", "login", 10, { user: "7", newKey: "B", saw: look({ user: "7" }) });
  const revoke = operation("v", "revokeUser", 30, { key: undefined, user: "7" });
  const cycle = operation("y", "cycleKey", 31, { key: "B", newKey: "C", saw: look({ user: "7" }) });
  expectNothing(check([login, revoke, cycle], { A: undefined, B: undefined, C: undefined }));
  const findings = check([login, revoke, cycle], { A: undefined, B: undefined, C: look({ user: "7" }) });
  expectOnly(findings, "resurrected", /there at the end, after revokeUser v/);
});

test("a session that was there to be revoked is dead, also when it got a new key at the same time", () => {
  const revoke = operation("v", "revoke", 10);
  expectNothing(check([revoke, operation("r", "read", 20, { ending: "absent" })], { A: undefined }));
  expectOnly(check([revoke], { A: look() }), "resurrected", /there at the end, after revoke v/);
  const cycle = operation("y", "cycleKey", 11, { newKey: "B", saw: look() });
  expectNothing(check([revoke, cycle], { A: undefined, B: undefined }));
  expectOnly(
    check([revoke, cycle], { A: undefined, B: look() }),
    "resurrected",
    /there at the end, after revoke v/,
  );
});

test("a session that expires may be gone afterwards, but not if it was renewed since, and it may not come back", () => {
  const expire = operation("e", "expire", 10);
  expectNothing(check([expire], { A: undefined }));
  expectNothing(check([expire], { A: look() }));
  const renew = operation("n", "renew", 20);
  expectOnly(check([expire, renew], { A: undefined }), "lost", /gone at the end/);
  expectNothing(check([expire, { ...renew, actAt: 12 }], { A: undefined }));
  const [gone, back] = [
    operation("x", "read", 20, { ending: "absent" }),
    operation("r", "read", 30, { saw: look() }),
  ];
  expectOnly(check([expire, gone, back], { A: undefined }), "resurrected", /read r .* after read x/);
});

test("an expiry goes with the session to its new key", () => {
  const cycle = operation("y", "cycleKey", 20, { newKey: "B", saw: look() });
  expectNothing(check([operation("e", "expire", 10), cycle], { A: undefined, B: undefined }));
  expectOnly(check([cycle], { A: undefined, B: undefined }), "lost", /gone at the end/);
});

test("a session with another one's lineage, or another one's user, is a mixture", () => {
  const read = operation("r", "read", 20, { saw: look({ lineage: "d" }) });
  expectOnly(check([read], { A: look() }), "mixed", /read r .* shows the session d in place of c/);
  const other = operation("r", "read", 20, { saw: look({ user: "8" }) });
  expectOnly(check([other], { A: look() }), "mixed", /read r .* shows the user 8 in place of undefined/);
});

test("two logins may join in one new session, and one that comes too late may begin its own", () => {
  const first = operation("l", "login", 10, { user: "7", newKey: "B", saw: look({ user: "7" }) });
  const joined = operation("m", "login", 12, { user: "7", newKey: "B", saw: look({ user: "7" }) });
  const begun = operation("n", "login", 11, { user: "7", newKey: "C", saw: BEGUN });
  expectNothing(check([first, joined, begun], { A: undefined, B: look({ user: "7" }), C: BEGUN }));
});

test("a revocation of a later key may end the session that a login with the first key has begun or joined", () => {
  const first = operation("l", "login", 10, { user: "7", newKey: "B", saw: look({ user: "7" }) });
  const revoke = operation("v", "revoke", 20, { key: "B", end: 60 });
  const begun = operation("n", "login", 11, { user: "7", newKey: "C", saw: BEGUN, end: 40 });
  expectNothing(check([first, revoke, begun], { A: undefined, B: undefined, C: undefined }));
  expectNothing(check([first, revoke, begun], { A: undefined, B: undefined, C: BEGUN }));
  const joined = { ...begun, saw: look({ user: "7" }), isJoined: true };
  expectNothing(check([first, revoke, joined], { A: undefined, B: undefined, C: undefined }));
  expectOnly(
    check([first, begun], { A: undefined, B: look({ user: "7" }), C: undefined }),
    "lost",
    /the session of login n .* nothing has ended it/,
  );
});

test("an expiry ends no session that a login has begun", () => {
  const expiry = operation("x", "expire", 10, { end: 60 });
  const begun = operation("n", "login", 15, { user: "7", newKey: "C", saw: BEGUN, end: 40 });
  expectNothing(check([expiry, begun], { A: undefined, C: BEGUN }));
  expectOnly(check([expiry, begun], { A: undefined, C: undefined }), "lost", /the session of login n/);
});

test("a revocation ends what its key has moved to, also when a login has begun a session besides", () => {
  const first = operation("l", "login", 10, { user: "7", newKey: "B", saw: look({ user: "7" }) });
  const begun = operation("n", "login", 11, { user: "7", newKey: "C", saw: BEGUN });
  const cycle = operation("y", "cycleKey", 30, { key: "B", newKey: "D", saw: look({ user: "7" }) });
  const other = operation("o", "login", 31, { key: "B", user: "7", newKey: "E", saw: BEGUN });
  const revoke = operation("v", "revoke", 29, { key: "B", actAt: 50, end: 55 });
  const operations = [first, begun, cycle, other, revoke];
  const gone = { A: undefined, B: undefined, C: BEGUN, E: undefined };
  expectNothing(check(operations, { ...gone, D: undefined }));
  expectOnly(check(operations, { ...gone, D: look({ user: "7" }) }), "resurrected", /there at the end/);
});

test("only while a logout is under way, a read may find the copy of a login that it has stopped", () => {
  const write = operation("w", "append", 5);
  const joined = operation("j", "login", 12, {
    user: "7",
    newKey: "B",
    saw: look({ user: "7" }),
    isJoined: true,
  });
  const read = operation("r", "read", 20, { key: "B", saw: look({ user: "7" }) });
  const logout = operation("o", "logout", 11, { end: 50 });
  expectNothing(check([write, joined, read, logout], { A: undefined, B: undefined }));
  const { lost } = check([write, joined, read], { A: undefined, B: look({ user: "7" }) });
  expect(lost).toContainEqual(expect.stringMatching(/append w .* is missing in read r/));
});

test("of two logins that carried the same session over, one has joined the copy of a third one", () => {
  const joined = operation("j", "login", 10, {
    user: "7",
    newKey: "B",
    saw: look({ user: "7" }),
    isJoined: true,
    end: 40,
  });
  const moved = operation("m", "login", 12, { user: "7", newKey: "C", saw: look({ user: "7" }) });
  const logout = operation("o", "logout", 13, { end: 50 });
  expectNothing(check([joined, moved, logout], { A: undefined, B: undefined, C: undefined }));
  const both = check([{ ...joined, isJoined: false }, moved, logout], {
    A: undefined,
    B: undefined,
    C: undefined,
  });
  expectOnly(both, "resurrected", /has carried over what was carried over before/);
});

test("a login that joins one whose answer got lost shows what that one has carried over, from another key", () => {
  const first = operation("f", "login", 10, { user: "7", newKey: "B", saw: look({ user: "7" }) });
  const write = operation("w", "append", 20, { key: "B" });
  const lost = operation("l", "login", 30, { key: "B", user: "7", ending: "unknown" });
  const joined = operation("m", "login", 40, {
    user: "7",
    newKey: "C",
    isJoined: true,
    isStranger: true,
    saw: look({ user: "7", log: ["w"] }),
  });
  const end = look({ user: "7", log: ["w"] });
  expectNothing(check([first, write, lost, joined], { A: undefined, B: undefined, C: end }));
  const other = operation("x", "append", 20, { key: "D" });
  const mixed = check([first, write, other, lost, joined], {
    A: undefined,
    B: undefined,
    C: { ...end, log: ["w", "x"] },
  });
  expect(mixed.phantom).toContainEqual(expect.stringMatching(/append x cannot be in/));
});

test("a write at the moment of a logout whose outcome is unknown may be missing, and no other", () => {
  const write = operation("w", "append", 100);
  const logout = operation("o", "logout", 102, { ending: "unknown" });
  const read = operation("r", "read", 200, { saw: look() });
  expectNothing(check([write, logout, read], { A: undefined }));
  expectOnly(
    check([write, { ...logout, ending: "ok", start: 300, actAt: 301, end: 305 }, read], { A: undefined }),
    "lost",
    /append w .* is missing/,
  );
  const early = check(
    [
      write,
      { ...logout, start: 3000, actAt: 3001, end: 3005 },
      { ...read, start: 4000, actAt: 4001, end: 4005 },
    ],
    {
      A: undefined,
    },
  );
  expectOnly(early, "lost", /append w .* is missing/);
});

test("a login that began a new session though its own was there has lost it", () => {
  const begun = operation("n", "login", 11, { user: "7", newKey: "C", saw: BEGUN });
  const findings = check([begun], { A: undefined, C: BEGUN });
  expect(findings.lost).toContainEqual(expect.stringMatching(/login n .* nothing has ended it/));
});

test("a call that ends 250 ms after its deadline is late, but for the time in which its process stood still then", () => {
  const call = { name: "open", start: 1000, end: 1000 + DEADLINE + 260 };
  const read = operation("r", "read", 1000, { end: call.end, saw: look(), calls: [call] });
  expectOnly(check([read], { A: look() }), "late", /open of read r .* was 260 ms late/);
  expectNothing(check([read], { A: look() }, [{ process: 0, from: 1390, to: 1420 }]));
  expectOnly(check([read], { A: look() }, [{ process: 1, from: 1390, to: 1420 }]), "late", /open/);
  expectOnly(check([read], { A: look() }, [{ process: 0, from: 1100, to: 1390 }]), "late", /260 ms late/);
});

test("an error that nobody expects is a finding", () => {
  const failed = operation("w", "append", 10, { ending: "other", error: "TypeError: no" });
  expectOnly(check([failed], { A: look() }), "unexpected", /TypeError: no/);
});
