import { expect, test } from "vitest";
import { serverForTest } from "../support/redis-connections.ts";
import { describeWithRedis } from "../support/redis-server.ts";
import { describeSites, send, Site } from "./support/site.ts";

describeWithRedis("after FLUSHALL", () => {
  describeSites("in Redis", (enter) => {
    test("a slow first write with the old cookie does not undo the login that was made meanwhile", async () => {
      const redis = await serverForTest();
      const [site, visitor] = [await Site.open({ redis }), await enter()];
      const tab = await visitor.openTab(`${site.url}/login/1`);
      await redis.command("FLUSHALL");
      expect(await visitor.who(site)).toBe("nobody");
      const writing = send(tab, "/set/late?before=slow");
      await site.gates.reached("slow");
      expect(await send(tab, "/login/1")).toEqual({ status: 200, who: "user 1" });
      site.gates.open("slow");
      expect(await writing).toEqual({ status: 400, who: "ERR_SESSION_INTERRUPTED" });
      expect(await visitor.who(site)).toBe("user 1");
    });
  });
});
