import { describe, expect, test } from "vitest";
import { BEGUN, check, expectNothing, look, operation } from "./check-support.ts";

describe("an interrupted write that a logout has overlapped", () => {
  const logout = operation("q", "logout", 30, { end: 50 });
  const write = operation("w", "append", 25, { end: 40, ending: "interrupted" });
  const read = operation("r", "read", 34, { saw: look({ log: ["w"] }) });
  const phantom = /append w cannot be in read r/;

  test.each(["logout", "revoke", "revokeUser"] as const)(
    "may be seen while both it and the %s are under way",
    (kind) => {
      if (kind !== "revokeUser")
        return expectNothing(check([{ ...logout, kind }, write, read], { A: undefined }));
      const login = operation("l", "login", 10, { key: undefined, newKey: "B", user: "7", saw: BEGUN });
      const saw = { ...BEGUN, log: ["w"] };
      const all = [
        login,
        { ...logout, kind, key: undefined, user: "7" },
        { ...write, key: "B" },
        { ...read, key: "B", saw },
      ];
      return expectNothing(check(all, { A: look(), B: undefined }));
    },
  );

  test.each([
    ["before the logout", { start: 26, actAt: 27, end: 28 }],
    ["after the write", { start: 41, actAt: 42, end: 45 }],
    ["after the logout", { start: 52, actAt: 53, end: 55 }],
  ])("is a phantom %s", (_, times) => {
    expect(check([logout, write, { ...read, ...times }], { A: undefined }).phantom).toStrictEqual([
      expect.stringMatching(phantom),
    ]);
  });

  test("is a phantom in a logout that it has not overlapped", () => {
    const earlier = operation("p", "revoke", 10, { ending: "unknown" });
    const done = { ...write, start: 12, actAt: 13, end: 20 };
    const long = { ...read, start: 14, actAt: 15, end: 45 };
    expect(check([earlier, done, logout, long], { A: undefined }).phantom).toStrictEqual([
      expect.stringMatching(phantom),
    ]);
  });

  test("is a phantom beside a logout that was not sent", () => {
    const found = check([{ ...logout, ending: "not-sent" }, write, read], { A: look() });
    expect(found.phantom).toStrictEqual([expect.stringMatching(phantom)]);
  });

  test("is a phantom if it is an update, which no renewal carries", () => {
    const seen = { ...read, saw: look({ ids: ["w"], n: 1 }) };
    const found = check([logout, { ...write, kind: "update" }, seen], { A: undefined });
    expect(found.phantom).toStrictEqual([expect.stringMatching(/update w cannot be in read r/)]);
  });

  test("may be seen as well if it ended not-sent: the renewal has taken the copy back", () => {
    expectNothing(check([logout, { ...write, ending: "not-sent" }, read], { A: undefined }));
  });

  test("is a phantom if it ended in a conflict", () => {
    const found = check([logout, { ...write, ending: "conflict" }, read], { A: undefined });
    expect(found.phantom).toStrictEqual([expect.stringMatching(phantom)]);
  });
});
