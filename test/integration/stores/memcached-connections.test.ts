import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { type Cache, createSojourn } from "sojourn";
import { memcachedCacheStore, type MemcachedServers } from "sojourn/stores/memcached";

import { describeWithMemcached, MemcachedServer } from "../../support/memcached-server.ts";

type Guards = Parameters<typeof MemcachedServer.startGuarded>[0];

const ANN = { username: "ann", password: "a-secret:of-ours" };

async function start(guards: Guards): Promise<MemcachedServer> {
  const server = await MemcachedServer.startGuarded(guards);
  onTestFinished(() => server.stop());
  return server;
}

function open(options: MemcachedServers): Cache {
  const { caches, close } = createSojourn({
    projectName: "myproject",
    secretKey: "a key that signs nothing here at all",
    caches: { default: { store: memcachedCacheStore(options), keyPrefix: "myproject", deadline: "5s" } },
  });
  onTestFinished(close);
  return caches.default;
}

async function expectWorks(options: MemcachedServers): Promise<void> {
  const cache = open(options);
  await Promise.all(["a", "b"].map((key) => cache.set(key, { key })));
  expect(await cache.get("b")).toEqual({ key: "b" });
}

/** Expects that nothing reaches the server, and that the error shows no secret. */
async function expectRefused(options: MemcachedServers, problem: RegExp): Promise<void> {
  const error = await open(options)
    .set("a", 1)
    .then(
      () => new Error("it was stored"),
      (thrown: unknown) => thrown as Error,
    );
  expect(error).toMatchObject({ outcome: "not-sent" });
  expect(error.message).toMatch(problem);
  const text = `${error.message} ${String(error.cause)}`;
  for (const secret of ["a secret", "a-guess"]) expect(text).not.toContain(secret);
}

describeWithMemcached("a memcached that lets not everybody in", () => {
  test("takes the user and the password that it knows", async () => {
    const { path } = await start({ user: "ann:a-secret:of-ours" });
    await expectWorks({ servers: path, authentication: ANN });
  });

  test("refuses another password, and a client without any: the error says so and shows none", async () => {
    const { path } = await start({ user: "ann:a-secret:of-ours" });
    const guess = { ...ANN, password: "a-guess" };
    await expectRefused({ servers: path, authentication: guess }, /refused the user name or the password/);
    await expectRefused({ servers: path }, /CLIENT_ERROR unauthenticated/);
  });

  test("speaks TLS, with a certificate that is checked", async () => {
    const { port, certificate } = await start({ tls: true });
    const ca = readFileSync(certificate);
    await expectWorks({ servers: `127.0.0.1:${port}`, tls: { ca } });
    await expectRefused({ servers: `127.0.0.1:${port}`, tls: true }, /could not be reached/);
    await expectRefused(
      { servers: `127.0.0.1:${port}`, tls: { ca, servername: "elsewhere.example" } },
      /could not be reached/,
    );
  });

  test("speaks TLS and asks for a password", async () => {
    const { port, certificate } = await start({ tls: true, user: "ann:a-secret:of-ours" });
    const tls = { ca: readFileSync(certificate) };
    await expectWorks({ servers: `127.0.0.1:${port}`, tls, authentication: ANN });
  });

  test("is given no password that its file of users cannot hold", () => {
    const authentication = { ...ANN, password: "two words" };
    expect(() => open({ authentication })).toThrow(
      /authentication\.password: expected text without spaces(?!.*two words)/,
    );
  });
});
