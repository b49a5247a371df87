// Tests of an application, as runtimes.test.ts runs them under Vitest and under Jest: what becomes of its
// sessions when the timers are faked. runner.mjs has what the two call by other names.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { createSojourn } from "sojourn";
import { nodeSessions } from "sojourn/adapters/node";
import { memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";
import { afterEach, expect, fake, fakeAll, fakeDate, test } from "./runner.mjs";

const DAY = 24 * 60 * 60 * 1000;

function open(store) {
  return createSojourn({
    projectName: "consumer",
    secretKey: "a secret that is only for this test",
    redis: { default: process.env.REDIS_URL },
    sessions: { store, cookie: { secure: "auto" } },
  });
}

/** A request that writes, over HTTP. Gives the cookie. */
async function visit({ sessions }) {
  const listener = nodeSessions(sessions, async (request, response) => {
    const session = await sessions.from(request);
    session.data.n = 1;
    response.end("ok");
  });
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const response = await fetch(`http://127.0.0.1:${server.address().port}`);
  await response.text();
  server.closeAllConnections();
  server.close();
  return response.headers.getSetCookie()[0].split(";")[0];
}

/** Turns of the event loop that no fake holds up. */
async function turns(count) {
  for (let turn = 0; turn < count; turn++) await readFile("package.json");
}

afterEach(() => fake.useRealTimers());

test("memory, all faked: sessions work, and expire with the faked date", async () => {
  const { sessions } = open(memorySessionStore());
  fakeAll();
  const cookie = await visit({ sessions });
  expect((await sessions.open(cookie)).data.n).toBe(1);
  fake.setSystemTime(Date.now() + 15 * DAY);
  expect((await sessions.open(cookie)).data.n).toBe(undefined);
});

test("Redis, the date alone faked: sessions work, and deadlines are real", async () => {
  const { sessions, close } = open(redisSessionStore());
  fakeDate();
  const cookie = await visit({ sessions });
  expect((await sessions.open(cookie)).data.n).toBe(1);
  await close();
});

test("Redis, all faked: a command waits until the timers are advanced", async () => {
  const { sessions, close } = open(redisSessionStore());
  await sessions.ping();
  fakeAll();
  let isSettled = false;
  const creating = sessions.create({ n: 1 }).finally(() => (isSettled = true));
  await turns(50);
  expect(isSettled).toBe(false);
  for (let step = 0; step < 50 && !isSettled; step++) {
    await fake.advanceTimersByTimeAsync(10);
    await turns(5);
  }
  expect((await creating).data.n).toBe(1);
  fake.useRealTimers();
  await close();
});
