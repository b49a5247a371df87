import { afterAll, beforeAll, describe } from "vitest";
import { describeWithRedis, RedisServer } from "../../support/redis-server.ts";
import { describeCommands } from "../sessions/suites/commands.ts";
import { ADAPTERS } from "./support/adapters.ts";

describeWithRedis("commands that the client sends", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.stop());

  describe.each(Object.entries(ADAPTERS))("%s", (_name, start) => {
    describeCommands(() => server, start);
  });
});
