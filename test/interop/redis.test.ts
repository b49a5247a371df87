import { afterAll, expect } from "vitest";
import { createSojourn, type Sojourn } from "sojourn";
import { redisSessionStore } from "sojourn/stores/redis";
import { newSessionKey } from "../../src/core/ids.ts";
import { redisTest } from "../support/fixtures/redis.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { describeWithDjango, SECRET } from "./support/django-peer.ts";
import type { Data } from "./support/node-site.ts";

const TWO_WEEKS = 14 * 86_400;

describeWithDjango("Django and Node on one Redis", (django) => {
  describeWithRedis("in the layout of codex-django", () => {
    const test = redisTest.extend("site", ({ server }) => (key: string) => ({
      url: server.url,
      project: "myproject",
      key,
    }));

    let sojourn: Sojourn<Data>;

    test.beforeAll(async ({ server }) => {
      sojourn = createSojourn<Data>({
        projectName: "myproject",
        secretKey: SECRET,
        redis: { default: { url: server.url, connectTimeout: "20s" } },
        sessions: { store: redisSessionStore(), deadline: "20s" },
      });
    });

    afterAll(async () => {
      await sojourn?.close();
    });

    test("a session that Django stores is found, changed and read back, in turns", async ({ site }) => {
      const key = newSessionKey();
      const cookie = `sessionid=${key}`;
      await django().call("redisWrite", {
        ...site(key),
        changes: [
          ["cart", { tea: 1 }],
          ["ratio", 1.5],
          ["2", "two"],
          ["1", "one"],
        ],
      });

      const first = await sojourn.sessions.open(cookie);
      expect(first.data).toEqual({ cart: { tea: 1 }, ratio: 1.5, 1: "one", 2: "two" });
      await first.update((data) => (data["cart"] = { tea: 2 }));
      const seen = await django().call("redisRead", site(key));
      expect(seen.members?.slice(0, -1)).toEqual([
        ["cart", '{"tea":i2}'],
        ["ratio", "f3ff8000000000000"],
        ["2", '"two"'],
        ["1", '"one"'],
      ]);
      expect(seen.members?.at(-1)?.[0]).toBe("_sojourn");
      expect(seen.ttl).toBeGreaterThan(TWO_WEEKS - 60);
      expect(seen.ttl).toBeLessThanOrEqual(TWO_WEEKS);

      await django().call("redisWrite", { ...site(key), changes: [["message", "from Django"]] });
      const second = await sojourn.sessions.open(cookie);
      second.data["reply"] = "from Node";
      await second.save();
      const last = await django().call("redisRead", site(key));
      expect(last.members?.map(([name]) => name)).toEqual([
        "cart",
        "ratio",
        "2",
        "1",
        "_sojourn",
        "message",
        "reply",
      ]);
    });

    test("a write by Django between reading and saving is merged, not lost", async ({ site }) => {
      const key = newSessionKey();
      await django().call("redisWrite", { ...site(key), changes: [["cart", { tea: 1 }]] });
      const session = await sojourn.sessions.open(`sessionid=${key}`);
      await django().call("redisWrite", { ...site(key), changes: [["message", "from Django"]] });
      session.data["reply"] = "from Node";
      await session.save();
      const { members } = await django().call("redisRead", site(key));
      expect(members?.filter(([name]) => name !== "_sojourn")).toEqual([
        ["cart", '{"tea":i1}'],
        ["message", '"from Django"'],
        ["reply", '"from Node"'],
      ]);
    });

    test("a session that Node begins is Django's too, and is gone for Django after a logout at Node", async ({
      site,
    }) => {
      const session = await sojourn.sessions.create({ cart: { tea: 1 } });
      const key = session.cookieHeader?.split("=")[1] ?? "";
      const { members } = await django().call("redisRead", site(key));
      expect(members?.[0]).toEqual(["cart", '{"tea":i1}']);
      await session.logout();
      expect(await django().call("redisRead", site(key))).toEqual({ members: null, ttl: -2 });
    });
  });
});
