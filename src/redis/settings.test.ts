import { createClient, createClientPool, createCluster, createSentinel } from "@redis/client";
import { describe, expect, test } from "vitest";

import { ImproperlyConfigured } from "../core/errors.ts";
import type { RedisSentinelEndpoint } from "./endpoint.ts";
import { parseConnectionSettings } from "./settings.ts";

const DEFAULTS = {
  connectTimeout: 1000,
  stallTimeout: 1000,
  database: 0,
  username: undefined,
  password: undefined,
};
const server = (host: string, port = 6379, tls?: object) => ({ address: { host, port, tls } });

describe("settings of a connection", () => {
  test.each<[unknown, object]>([
    ["redis://", server("localhost")],
    ["redis://cache.example:6380", server("cache.example", 6380)],
    ["redis://cache.example/3", { ...server("cache.example"), database: 3 }],
    ["redis://cache.example?db=3", { ...server("cache.example"), database: 3 }],
    ["redis://:p%40ss@cache.example", { ...server("cache.example"), password: "p@ss" }],
    [
      "redis://alice:secret@cache.example",
      { ...server("cache.example"), username: "alice", password: "secret" },
    ],
    ["rediss://[::1]:7000/", server("::1", 7000, {})],
    ["/run/redis.sock", { address: { path: "/run/redis.sock" } }],
    ["unix:///run/my%20redis.sock?db=2", { address: { path: "/run/my redis.sock" }, database: 2 }],
    [{}, server("localhost")],
    [
      { host: "h", port: 1, database: 2, connectTimeout: "250ms" },
      { ...server("h", 1), database: 2, connectTimeout: 250 },
    ],
    [{ tls: true }, server("localhost", 6379, {})],
    [{ tls: { ca: "pem" } }, server("localhost", 6379, { ca: "pem" })],
    [
      { path: "/run/redis.sock", stallTimeout: 2 },
      { address: { path: "/run/redis.sock" }, stallTimeout: 2000 },
    ],
    [{ url: "rediss://h", tls: { ca: "pem" } }, server("h", 6379, { ca: "pem" })],
    [
      { url: "redis://:old@h/1", password: "new" },
      { ...server("h"), database: 1, password: "new" },
    ],
    [
      { url: "redis://h/1", database: 2, connectTimeout: 3 },
      { ...server("h"), database: 2, connectTimeout: 3000 },
    ],
  ])("%j is understood", (input, expected) => {
    expect(parseConnectionSettings(input, "redis.session")).toEqual({ ...DEFAULTS, ...expected });
  });

  test.each<[unknown, string]>([
    [
      5,
      'redis.session: expected a URL such as "redis://localhost:6379/0", or an object with "url", "host", "path", "cluster", "sentinels" or "client", got 5 (number).',
    ],
    [
      undefined,
      'redis.session: expected a URL such as "redis://localhost:6379/0", or an object with "url", "host", "path", "cluster", "sentinels" or "client", got nothing.',
    ],
    [{ port: "6380" }, 'redis.session.port: expected a port from 1 to 65535, got "6380" (string).'],
    [{ port: 70_000 }, "redis.session.port: expected a port from 1 to 65535, got 70000 (number)."],
    [{ prot: 6380 }, 'redis.session.prot: is not a setting; did you mean "port"?'],
    [{ database: -1 }, "redis.session.database: expected the number of a database, from 0, got -1 (number)."],
    [{ path: "" }, 'redis.session.path: expected a string that is not empty, got "" (string).'],
    [{ path: "/a", host: "h" }, 'redis.session: expected either "path" or "host", got both.'],
    [
      { client: {} },
      "redis.session.client: expected a client that createClient(), createCluster() or createSentinel() of @redis/client (5 or 6) made, or a Redis or Cluster of ioredis (5 or 6) or iovalkey, got an object.",
    ],
    [
      { connectTimeout: "1" },
      'redis.session.connectTimeout: expected seconds or text such as "14d", at least 1ms, got "1" (string).',
    ],
    [
      { tls: "yes" },
      'redis.session.tls: expected true, false or options of node:tls connect(), got "yes" (string).',
    ],
    [
      { username: "alice" },
      "redis.session: expected a password beside the user name (`redis://:password@host`).",
    ],
    [
      "redis://h/abc",
      "redis.session: expected the database in the URL to be a number, as in redis://localhost:6379/3.",
    ],
    ["redis://h?timeout=1", 'redis.session: the only parameter that the URL may have is "db".'],
    [
      { url: "http://h" },
      'redis.session.url: expected a URL such as "redis://user:password@host:6379/0", "rediss://host" for TLS or "unix:///run/redis.sock?db=0".',
    ],
  ])("%j is refused, naming the setting, what was expected and what came", (input, expected) => {
    const parse = (): unknown => parseConnectionSettings(input, "redis.session");
    expect(parse).toThrow(ImproperlyConfigured);
    expect(parse).toThrow(expect.objectContaining({ message: expected }));
  });

  test.each<[unknown]>([
    ["redis://:hunter2@h:99999"],
    ["redis://:hunter2@h/0/1"],
    ["hunter2@h"],
    ["redis://u:hunter2%zz@h"],
    [{ url: "redis:://:hunter2@h" }],
    [{ host: "redis://:hunter2@h" }],
    [{ password: ["hunter2"] }],
    [{ password: { hunter2: 1 } }],
    [{ pasword: "hunter2" }],
  ])("an error about %j does not show its password", (input) => {
    const parse = (): unknown => parseConnectionSettings(input, "redis.session");
    expect(parse).toThrow(ImproperlyConfigured);
    expect(parse).not.toThrow("hunter2");
  });

  test("accepts a client of one server, of a cluster and of sentinels, and refuses a pool", () => {
    const client = createClient();
    expect(parseConnectionSettings({ client }, "redis.session")).toMatchObject({ client });
    const cluster = createCluster({ rootNodes: [{ url: "redis://h" }] });
    expect(parseConnectionSettings({ client: cluster }, "redis.session")).toMatchObject({ client: cluster });
    const sentinel = createSentinel({ name: "m", sentinelRootNodes: [{ host: "h", port: 26_379 }] });
    expect(parseConnectionSettings({ client: sentinel }, "redis.session")).toMatchObject({
      client: sentinel,
    });
    expect(() => parseConnectionSettings({ client: createClientPool() }, "redis.session")).toThrow(
      "redis.session.client: expected",
    );
  });
});

describe("settings of a cluster", () => {
  const nodes = [
    { host: "one", port: 7000 },
    { host: "two", port: 6379 },
  ];
  const timeouts = { connectTimeout: 1000, stallTimeout: 1000 };
  const nodeAddressMap = expect.any(Function) as unknown;
  const plain = {
    ...timeouts,
    cluster: nodes,
    tls: undefined,
    username: undefined,
    password: undefined,
    nodeAddressMap,
  };
  const urls = ["redis://one:7000", "redis://two"];
  const secure = ["rediss://one:7000", "rediss://two"];

  test.each<[object, object]>([
    [{ cluster: urls }, plain],
    [
      { cluster: urls, username: "alice", password: "secret", connectTimeout: "250ms", stallTimeout: 2 },
      { ...plain, username: "alice", password: "secret", connectTimeout: 250, stallTimeout: 2000 },
    ],
    [
      { cluster: urls, tls: true },
      { ...plain, tls: {} },
    ],
    [{ cluster: secure }, { ...plain, tls: {} }],
    [
      { cluster: secure, tls: { ca: "pem" } },
      { ...plain, tls: { ca: "pem" } },
    ],
  ])("%j is understood", (input, expected) => {
    expect(parseConnectionSettings(input, "redis.session")).toStrictEqual(expected);
  });

  const some = 'URLs of nodes such as ["redis://one:6379", "redis://two:6379"]';
  test.each<[object, string]>([
    [{ cluster: [] }, `redis.session.cluster: expected ${some}, got an array.`],
    [{ cluster: "redis://one" }, `redis.session.cluster: expected ${some}, got a string that is not shown.`],
    [{ cluster: urls, database: 1 }, "redis.session.database: is not a setting; expected one of"],
    [{ cluster: ["redis://one/1"] }, "redis.session.cluster.0: a cluster has only database 0."],
    [{ cluster: ["unix:///a"] }, 'redis.session.cluster.0: expected a URL such as "redis://host:6379".'],
    [{ cluster: ["redis://one", "two"] }, "redis.session.cluster.1: expected a URL such as"],
    [
      { cluster: ["redis://one", "rediss://two"] },
      "redis.session.cluster: expected either redis:// or rediss:// URLs",
    ],
    [
      { cluster: secure, tls: false },
      "redis.session.tls: expected true or options of node:tls connect(), got false.",
    ],
    [{ cluster: urls, username: "alice" }, "redis.session: expected a password beside the user name"],
    [{ cluster: urls, host: "h" }, 'redis.session: expected either "cluster" or "host", got both.'],
  ])("%j is refused, naming the setting", (input, expected) => {
    const parse = (): unknown => parseConnectionSettings(input, "redis.session");
    expect(parse).toThrow(ImproperlyConfigured);
    expect(parse).toThrow(expected);
  });

  test("a login in the URL of a node is refused without showing it", () => {
    const parse = (): unknown =>
      parseConnectionSettings({ cluster: ["redis://:hunter2@one"] }, "redis.session");
    expect(parse).toThrow("redis.session.cluster.0: expected no login in the URL of a node");
    expect(parse).not.toThrow("hunter2");
  });
});

describe("settings of a master behind sentinels", () => {
  const sentinels = [{ host: "one" }, { host: "two", port: 7000 }];
  const plain = {
    ...DEFAULTS,
    sentinels: [
      { host: "one", port: 26_379 },
      { host: "two", port: 7000 },
    ],
    name: "m",
    sentinelUsername: undefined,
    sentinelPassword: undefined,
    tls: undefined,
    nodeAddressMap: expect.any(Function) as unknown,
  };

  test.each<[object, object]>([
    [{ sentinels, name: "m" }, plain],
    [
      { sentinels, name: "m", tls: { ca: "pem" }, password: "a", database: 2 },
      { ...plain, tls: { ca: "pem" }, password: "a", database: 2 },
    ],
    [
      { sentinels, name: "m", sentinelUsername: "u", sentinelPassword: "b" },
      { ...plain, sentinelUsername: "u", sentinelPassword: "b" },
    ],
  ])("%j is understood", (input, expected) => {
    expect(parseConnectionSettings(input, "redis.session")).toStrictEqual(expected);
  });

  test.each<[object, string]>([
    [{ sentinels: [], name: "m" }, "redis.session.sentinels: expected addresses of sentinels such as"],
    [{ sentinels: ["redis://one"], name: "m" }, "redis.session.sentinels[0]: expected"],
    [{ sentinels }, "redis.session.name: expected"],
    [{ sentinels, name: "" }, "redis.session.name: expected a string that is not empty"],
    [
      { sentinels, name: "m", sentinelUsername: "u" },
      "redis.session.sentinelPassword: expected a password beside",
    ],
    [{ sentinels, name: "m", host: "h" }, 'redis.session: expected either "sentinels" or "host", got both.'],
    [{ sentinels, name: "m", nodeAddressMap: { "a:1": "b:2" } }, "redis.session.nodeAddressMap"],
  ])("%j is refused, naming the setting", (input, expected) => {
    const parse = (): unknown => parseConnectionSettings(input, "redis.session");
    expect(parse).toThrow(ImproperlyConfigured);
    expect(parse).toThrow(expected);
  });

  test("the result of a function for addresses is checked when it is called", () => {
    const nodeAddressMap = (() => "localhost:7000") as never;
    const settings = parseConnectionSettings({ sentinels, name: "m", nodeAddressMap }, "redis.session");
    expect(() => (settings as RedisSentinelEndpoint).nodeAddressMap("a:1")).toThrow(ImproperlyConfigured);
  });
});
