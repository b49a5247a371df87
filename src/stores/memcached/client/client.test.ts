import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Deadline } from "../../../core/deadlines.ts";
import { ImproperlyConfigured } from "../../../core/errors.ts";
import { ManualClock } from "../../../testing/manual-clock.ts";
import { MemcachedClient } from "./memcached-client.ts";
import { toMetaKey } from "./meta-key.ts";
import { MetaProtocolError, MetaReader } from "./meta-reader.ts";
import { murmur3 } from "./murmur3.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { parseServers } from "./server-address.ts";
import { ServerRing } from "./server-ring.ts";

/** A server that answers each line of a command as told. */
async function serve(
  answer: (line: string, socket: Socket) => void,
  authentication?: { readonly username: string; readonly password: string },
): Promise<MemcachedClient> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      for (const line of bytes.toString().split("\r\n")) if (line !== "") answer(line, socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const servers = parseServers(`127.0.0.1:${port}`, "servers");
  const client = new MemcachedClient({ servers, authentication });
  onTestFinished(() => client.close());
  return client;
}

const within = (span = 2000): Deadline => new Deadline(span);

describe("replies", () => {
  const replies = (...chunks: string[]) => {
    const reader = new MetaReader();
    return chunks.flatMap((chunk) => [...reader.read(Buffer.from(chunk))]);
  };

  test("are read whole, however the bytes are cut", () => {
    const text = "HD c1\r\nVA 5 f0 c2\r\na\r\nbc\r\nEN\r\n";
    const whole = replies(text);
    expect(whole).toMatchObject([
      { code: "HD", words: ["c1"], value: undefined },
      { code: "VA", words: ["f0", "c2"], value: Buffer.from("a\r\nbc") },
      { code: "EN", words: [] },
    ]);
    expect(replies(...Array.from(text))).toEqual(whole);
  });

  test("of a large value are put together once", () => {
    const reader = new MetaReader();
    const concat = vi.spyOn(Buffer, "concat");
    onTestFinished(() => concat.mockRestore());
    const text = `VA 100000 f0\r\n${"x".repeat(100_000)}\r\nEN\r\n`;
    const found = [];
    for (let at = 0; at < text.length; at += 1000)
      found.push(...reader.read(Buffer.from(text.slice(at, at + 1000))));
    expect(found.map(({ code, value }) => [code, value?.length])).toEqual([
      ["VA", 100_000],
      ["EN", undefined],
    ]);
    expect(concat.mock.calls.length).toBeLessThan(4);
  });

  test.each([
    ["a value of another length", "VA 3 f0\r\nabcd\r\n"],
    ["a length that is none", "VA x\r\n"],
    ["a length beyond all bounds", "VA 99999999999\r\n"],
    ["an endless line", "x".repeat(9000)],
  ])("%s are refused", (_name, text) => {
    expect(() => replies(text)).toThrow(MetaProtocolError);
  });
});

describe("keys", () => {
  test("that the protocol takes stay as they are, and others are binary", () => {
    expect(toMetaKey("shop:1:cart")).toEqual({ text: "shop:1:cart", isBinary: false });
    expect(toMetaKey("a key")).toEqual({ text: "YSBrZXk=", isBinary: true });
    for (const key of ["a\r\nmd b", "é", "x".repeat(251), " ".repeat(10_000), "\0"]) {
      const { text, isBinary } = toMetaKey(key);
      expect(isBinary).toBe(true);
      expect(text).toMatch(/^[A-Za-z0-9+/=]{1,250}$/);
    }
  });

  test("of different entries differ, also where they are hashed", () => {
    const keys = ["x".repeat(251), `${"x".repeat(251)} `, "x".repeat(250), "y".repeat(251)];
    expect(new Set(keys.map((key) => toMetaKey(key).text)).size).toBe(keys.length);
  });
});

test("texts and bytes of one turn arrive whole and in their order, beyond ASCII too", async () => {
  const lines: string[] = [];
  const client = await serve((line, socket) => {
    lines.push(line);
    if (line.startsWith("ms ")) socket.write("HD\r\n");
  });
  const item = { text: "ключ", isBinary: false, serverOf: "ключ" };
  await Promise.all([
    client.ask("ms", "a", ["T1"], within(), "é😀\ud83d"),
    client.ask("ms", "b", [], within(), Buffer.from([0x6f, 0xc3, 0xa9])),
    client.ask("ms", item, [], within(), ""),
  ]);
  expect(lines).toEqual(["ms a 9 T1", "é😀\ufffd", "ms b 3", "oé", "ms ключ 0"]);
});

test("servers are found as pymemcache finds them", () => {
  // Computed by pymemcache 4.0.0: murmur3_32 and RendezvousHash.
  const hashes = [0, 1_009_084_850, 2_613_040_991, 3_017_643_002, 1_139_631_978, 1_303_438_423];
  expect(["", "a", "ab", "abc", "abcd", "127.0.0.1:11211-key"].map(murmur3)).toEqual(hashes);
  const beyondAscii = ["x-ключ", "127.0.0.1:11211-a😀b", "127.0.0.1:11211-😀😀😀"];
  expect(beyondAscii.map(murmur3)).toEqual([4_184_664_583, 1_172_337_137, 1_712_782_081]);
  const ring = new ServerRing(
    ["10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"].map((name) => ({ name })),
  );
  const first = Array.from({ length: 8 }, (_, index) => ring.serverOf(`key${index}`).name.at(7));
  expect(first.join("")).toBe("11112112");
  const counts = Array.from({ length: 3000 }, (_, index) => ring.serverOf(`key${index}`).name);
  for (const { name } of ring.servers)
    expect(counts.filter((each) => each === name).length).toBeGreaterThan(900);
});

test("servers are found as pylibmc finds them without behaviors", () => {
  // Computed by a copy of the function in Python; pylibmc 1.6.3 has its keys there.
  expect(["", "a", "key", "é", "ключ"].map(oneAtATime)).toEqual([
    0, 3_392_050_242, 3_917_505_287, 26_298_542, 4_224_321_546,
  ]);
  const ring = new ServerRing(
    ["a", "b", "c"].map((name) => ({ name })),
    "modula",
  );
  expect(["", "a", "key", "é", "ключ"].map((key) => ring.serverOf(key).name).join("")).toBe("aacca");
});

test.each([
  ["127.0.0.1", [{ name: "127.0.0.1:11211", host: "127.0.0.1", port: 11_211 }]],
  [
    "a:1;b:2, /run/m.sock",
    [
      { name: "a:1", host: "a", port: 1 },
      { name: "b:2", host: "b", port: 2 },
      { name: "/run/m.sock", path: "/run/m.sock" },
    ],
  ],
  [
    ["unix:/run/m.sock", "[::1]:5"],
    [
      { name: "/run/m.sock", path: "/run/m.sock" },
      { name: "::1:5", host: "::1", port: 5 },
    ],
  ],
])("the servers %j are read as Django's LOCATION", (location, servers) => {
  expect(parseServers(location, "servers")).toEqual(servers);
});

test.each(["", "a:0", "a:99999", "a b", [], [5], undefined])("the servers %j are refused", (location) => {
  expect(() => parseServers(location, "servers")).toThrow(ImproperlyConfigured);
});

describe("a command", () => {
  test("that misses its deadline is told so, and its late reply reaches nobody else", async () => {
    const client = await serve((line, socket) => {
      if (line.includes("slow")) setTimeout(() => socket.write("VA 4 f0\r\nslow\r\n"), 150);
      else setTimeout(() => socket.write("VA 5 f0\r\nquick\r\n"), 150);
    });
    const slow = client.ask("mg", "slow", ["v"], within(50));
    const quick = client.ask("mg", "quick", ["v"], within());
    await expect(slow).rejects.toMatchObject({ code: "ERR_STORE_CONNECTION", outcome: "unknown" });
    expect(String((await quick).value)).toBe("quick");
  });

  test("on a connection that goes may have been done, and the next one opens another", async () => {
    const client = await serve((line, socket) => {
      if (line.includes("dies")) socket.destroy();
      else socket.write("EN\r\n");
    });
    await expect(client.ask("mg", "dies", [], within())).rejects.toMatchObject({ outcome: "unknown" });
    expect((await client.ask("mg", "lives", [], within())).code).toBe("EN");
  });

  test("that the server does not understand is refused, and what comes after it goes to another connection", async () => {
    const client = await serve(
      (line, socket) => void socket.write(line.includes("bad") ? "CLIENT_ERROR no\r\n" : "EN\r\n"),
    );
    await expect(client.ask("mg", "bad", [], within())).rejects.toMatchObject({
      code: "ERR_STORE_SERVICE",
      outcome: "not-sent",
    });
    expect((await client.ask("mg", "good", [], within())).code).toBe("EN");
  });

  test("is not sent to a server that is away, nor after its deadline, nor after close()", async () => {
    const client = new MemcachedClient({ servers: parseServers("/nonexistent/memcached.sock", "servers") });
    for (const deadline of [within(), new Deadline(0)])
      await expect(client.ask("mg", "key", [], deadline)).rejects.toMatchObject({ outcome: "not-sent" });
    client.close();
    await expect(client.ask("mg", "key", [], within())).rejects.toThrow("is closed");
  });

  test("that has timed out before it could be sent is never sent", async () => {
    const lines: string[] = [];
    const sockets: Socket[] = [];
    const client = await serve(
      (line, socket) => {
        lines.push(line);
        if (line === "ann secret") sockets.push(socket);
        if (line.startsWith("mg")) socket.write("EN\r\n");
      },
      { username: "ann", password: "secret" },
    );
    await expect(client.ask("mg", "late", [], within(50))).rejects.toMatchObject({ outcome: "not-sent" });
    const next = client.ask("mg", "next", [], within());
    await vi.waitFor(() => expect(sockets).toHaveLength(1));
    sockets[0]?.write("STORED\r\n");
    await next;
    expect(lines).toEqual(["set auth 0 0 10", "ann secret", "mg next"]);
  });

  test("fails with all others that were never sent, without a delay that grows with their number", async () => {
    const client = await serve(() => {}, { username: "ann", password: "secret" });
    const start = performance.now();
    const all = Array.from({ length: 40_000 }, async (_, at) => client.ask("mg", `${at}`, [], within(100)));
    const ends = await Promise.allSettled(all);
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(["rejected"]));
    // Half a minute where each is taken out of the list by itself.
    expect(performance.now() - start).toBeLessThan(8000);
  });

  test("on a connection that is never ready fails, and after 1 s the next one opens another", async () => {
    let connections = 0;
    const server = createServer((socket) => {
      // The first one does not answer the authentication.
      if (++connections > 1) socket.write("STORED\r\n");
      socket.on("data", (bytes) => bytes.includes("mg key") && socket.write("EN\r\n"));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const clock = new ManualClock();
    const authentication = { username: "ann", password: "secret" };
    const client = new MemcachedClient(
      { servers: parseServers(`127.0.0.1:${port}`, "s"), authentication },
      clock,
    );
    onTestFinished(() => client.close());
    await expect(client.ask("mg", "key", [], within(50))).rejects.toMatchObject({ outcome: "not-sent" });
    await expect(client.ask("mg", "key", [], within(50))).rejects.toMatchObject({ outcome: "not-sent" });
    expect(connections).toBe(1);
    clock.advance(1001);
    expect((await client.ask("mg", "key", [], within())).code).toBe("EN");
  });

  test("that is answered with what is no reply fails, and nobody gets a wrong value", async () => {
    const client = await serve((_line, socket) => void socket.write("VA x\r\n"));
    await expect(client.ask("mg", "key", [], within())).rejects.toMatchObject({
      code: "ERR_STORE_CONNECTION",
    });
  });
});
