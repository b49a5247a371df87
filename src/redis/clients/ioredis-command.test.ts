import { Redis as Ioredis5 } from "ioredis";
import { Redis as Ioredis6 } from "ioredis6";
import { Redis as Iovalkey } from "iovalkey";
import { describe, expect, test } from "vitest";
import type { RedisArgument, ReplyForm } from "../commands.ts";
import { commandClassOf, type IoredisClient, type LibraryCommandClass } from "./ioredis.ts";
import { type SingleUseCommand, singleUseCommands } from "./ioredis-command.ts";

const lazy = { lazyConnect: true };
const CLIENTS: [string, IoredisClient][] = [
  ["ioredis 5", new Ioredis5(lazy)],
  ["ioredis 6", new Ioredis6(lazy)],
  ["iovalkey", new Iovalkey(lazy)],
];

describe.each(CLIENTS)("a command of %s", (_name, client) => {
  const Command = singleUseCommands(commandClassOf(client) as LibraryCommandClass);
  const command = (args: readonly RedisArgument[], form: ReplyForm = "text"): SingleUseCommand =>
    new Command(args, form);
  const written = (each: SingleUseCommand): string => String(each.toWritable({}));

  test("is written once; in place of a second time there is a PING, and it ends", async () => {
    const incr = command(["INCR", "n"]);
    expect(incr.isWritten).toBe(false);
    expect(written(incr)).toBe("*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n");
    expect(incr.isWritten).toBe(true);
    expect(written(incr)).toBe("*1\r\n$4\r\nPING\r\n");
    await expect(incr.promise).rejects.toThrow("sent it once more");
  });

  test("that was withdrawn is never written", async () => {
    const set = command(["SET", "k", Buffer.from([0, 255])]);
    set.withdraw();
    await expect(set.promise).rejects.toThrow("not connected");
    expect(written(set)).toBe("*1\r\n$4\r\nPING\r\n");
    expect(set.isWritten).toBe(false);
  });

  test("has no place in a pipeline, and no time-out of the client", () => {
    const get = command(["GET", "k"]);
    expect(get).toMatchObject({ pipelineIndex: -1 });
    get.setTimeout(1);
    expect(get).not.toHaveProperty("_commandTimeoutTimer");
  });

  test("reads texts, bytes, statuses, numbers as texts, lists and maps", () => {
    const [text, bytes] = [Buffer.from("é"), Buffer.from([255])];
    expect(command(["GET", "k"]).transformReply(text)).toBe("é");
    expect(command(["GET", "k"], "bytes").transformReply(bytes)).toEqual(bytes);
    expect(command(["SET", "k", "v"], "bytes").transformReply(Buffer.from("OK"))).toBe("OK");
    expect(command(["PTTL", "k"]).transformReply("-1")).toBe(-1);
    expect(command(["MGET", "k"]).transformReply([text, null, ["7", 8]])).toEqual(["é", null, [7, 8]]);
    expect(command(["CONFIG", "GET", "port"]).transformReply({ port: Buffer.from("1") })).toEqual({
      port: "1",
    });
  });
});

test("an object that makes no commands has no class of them", () => {
  expect(commandClassOf({} as IoredisClient)).toBeUndefined();
});
