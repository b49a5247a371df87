import { readdirSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { createSojourn, type Sojourn } from "sojourn";
import { fileSessionStore } from "sojourn/stores/file";
import { ManualClock } from "sojourn/testing";
import { expect, test } from "vitest";

import { Deadline } from "../../src/core/deadlines.ts";
import { newSessionKey } from "../../src/core/ids.ts";
import type { SessionStore } from "../../src/stores/session-store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { describeWithDjango, SECRET } from "./support/django-peer.ts";

type Data = Record<string, unknown>;

const TWO_WEEKS = 14 * 86_400_000;
const PREFIX = "sessionid";
const later = (): Deadline => new Deadline(30_000);

interface Site {
  readonly path: string;
  readonly sojourn: Sojourn<Data>;
  /** The store by itself, whose clock is a minute behind. */
  readonly store: SessionStore;
  readonly clock: ManualClock;
}

function openSite(): Site {
  const path = temporaryFolder();
  const sojourn = createSojourn<Data>({
    projectName: "myproject",
    secretKey: SECRET,
    sessions: { store: fileSessionStore({ path }), deadline: "20s" },
  });
  const clock = new ManualClock(Date.now() - 60_000);
  const store = fileSessionStore({ path })({ projectName: "myproject", redis: sojourn.redis, clock });
  return { path, sojourn, store, clock };
}

describeWithDjango("Django's file engine and Node in one folder", (django) => {
  test("a session that Django saves is found, changed and read back, in turns, in one file", async () => {
    const { path, sojourn } = openSite();
    const site = { path, prefix: PREFIX };
    const key = await django().call("fileSave", { ...site, key: null, changes: [["cart", { tea: 1 }]] });
    const session = await sojourn.sessions.open(`sessionid=${key}`);
    expect(session.data).toEqual({ cart: { tea: 1 } });
    await session.update((data) => (data["cart"] = { tea: 2 }));
    const { members } = await django().call("fileLoad", { ...site, key });
    expect(members?.[0]).toEqual(["cart", '{"tea":i2}']);

    await django().call("fileSave", { ...site, key, changes: [["message", "from Django"]] });
    session.data["reply"] = "from Node";
    await session.save();
    const last = await django().call("fileLoad", { ...site, key });
    expect(last.members?.map(([name]) => name)).toEqual(["cart", "_sojourn", "message", "reply"]);
    expect(readdirSync(path)).toEqual([`sessionid${key}`]);
  });

  test("a session that Node begins is Django's too; a user who is logged out at one is logged out at the other", async () => {
    const { path, sojourn } = openSite();
    const [mine, theirs] = [await sojourn.sessions.create({ a: 1 }), await sojourn.sessions.create({ a: 2 })];
    const keyOf = (session: { cookieHeader: string | undefined }) =>
      session.cookieHeader?.split("=")[1] ?? "";
    const site = { path, prefix: PREFIX, key: keyOf(mine) };
    expect((await django().call("fileLoad", site)).members?.[0]).toEqual(["a", "i1"]);
    await mine.logout();
    expect((await django().call("fileLoad", site)).members).toBeNull();
    await django().call("fileDelete", { ...site, key: keyOf(theirs) });
    theirs.data["b"] = 1;
    await expect(theirs.save()).rejects.toMatchObject({ code: "ERR_SESSION_INTERRUPTED" });
    // The logout is remembered for a minute, in a file that Django passes by.
    expect(readdirSync(path).filter((name) => !name.startsWith("@"))).toEqual([]);
  });

  test("both say that a file ends at the same millisecond, whatever its time to live", async () => {
    const { path, store, clock } = openSite();
    for (const ttl of [180_000, TWO_WEEKS, 90 * TWO_WEEKS, 234_567.75]) {
      const key = newSessionKey();
      await store.create(key, emptyRecord, ttl, later());
      const { endsAt } = await django().call("fileLoad", { path, prefix: PREFIX, key });
      expect(Math.abs((endsAt ?? 0) * 1000 - clock.now() - ttl)).toBeLessThan(1);
    }
  });

  test("what Node has let expire is gone for Django, and a touch extends it there", async () => {
    const { path, store } = openSite();
    const [expired, touched] = [newSessionKey(), newSessionKey()];
    for (const key of [expired, touched]) await store.create(key, emptyRecord, 50_000, later());
    await store.touch(touched, { start: 0, text: "e30" }, 200_000, later());
    const load = (key: string) => django().call("fileLoad", { path, prefix: PREFIX, key });
    expect((await load(expired)).members).toBeNull();
    expect((await load(touched)).members).toEqual([]);
  });

  test("clearsessions deletes what Node has let expire, and nothing that Node needs", async () => {
    const { path, store } = openSite();
    const [expired, live, locked] = [newSessionKey(), newSessionKey(), newSessionKey()];
    await store.create(expired, emptyRecord, 50_000, later());
    await store.create(live, emptyRecord, 200_000, later());
    await store.create(locked, emptyRecord, 200_000, later());
    await store.tombstones?.add(live, "moved", 200_000, later());
    await store.tombstones?.add(locked, "moved", 50_000, later());
    await mkdir(join(path, `${PREFIX}${locked}.lock`));
    await rename(join(path, PREFIX + locked), join(path, `${PREFIX}${locked}.0123456789abcdef.tmp`));
    const before = readdirSync(path);
    await django().call("fileClear", { path, prefix: PREFIX });
    expect(readdirSync(path)).toEqual(before.filter((name) => name !== PREFIX + expired));
  });

  test("clearExpired() deletes what Django has let expire, and nothing that is live there", async () => {
    const { path, store, clock } = openSite();
    const site = { path, prefix: PREFIX };
    const key = await django().call("fileSave", { ...site, key: null, changes: [["a", 1]] });
    clock.advance(TWO_WEEKS);
    expect(await store.clearExpired(later)).toBe(0);
    expect((await django().call("fileLoad", { ...site, key })).members).toEqual([["a", "i1"]]);
    clock.advance(10 * 60_000);
    expect(await store.clearExpired(later)).toBe(1);
    expect(readdirSync(path)).toEqual([]);
  });
});

/** The text that Django's engine stores for an empty session under {@link SECRET}. */
const emptyRecord = "e30:1r31eq:_F3okiP-noHBD-hYzEdpe7d0AmxCfHuvu0s551rcuJM";
