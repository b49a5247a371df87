import type { RedisArgument, RedisReply, ReplyForm } from "../commands.ts";
import type { LibraryCommand, LibraryCommandClass } from "./ioredis.ts";

/** A command that is written to a socket once at most. */
export interface SingleUseCommand extends LibraryCommand {
  readonly promise: Promise<RedisReply<string | Buffer>>;
  readonly isWritten: boolean;
  /** Rejects a command that the client keeps for later. */
  withdraw(): void;
}

type SingleUseCommandClass = new (args: readonly RedisArgument[], form: ReplyForm) => SingleUseCommand;

/** Bytes in place of a command that must not be sent, so that the replies after it keep their order. */
const PING = "*1\r\n$4\r\nPING\r\n";

/**
 * Position in a pipeline that no command has. When a connection is lost, the client sends what was
 * not answered again on the next one (`autoResendUnfulfilledCommands`), but rejects commands whose
 * place in a pipeline is not the next one: these were answered in part.
 */
const NO_PLACE = -1;

const classes = new WeakMap<LibraryCommandClass, SingleUseCommandClass>();

/**
 * Returns a class of commands for a client. The client's own functions (`client.get()`) would repeat
 * commands, keep them while it is offline, and honour options which are for the application's
 * commands: `commandTimeout`, `enableAutoPipelining`, `showFriendlyErrorStack`, transformers.
 */
export function singleUseCommands(Command: LibraryCommandClass): SingleUseCommandClass {
  let made = classes.get(Command);
  if (made === undefined) classes.set(Command, (made = makeClass(Command)));
  return made;
}

function makeClass(Command: LibraryCommandClass): SingleUseCommandClass {
  return class SingleUse extends Command {
    declare readonly promise: Promise<RedisReply<string | Buffer>>;
    readonly pipelineIndex: number = NO_PLACE;
    isWritten = false;
    readonly #form: ReplyForm;
    #isWithdrawn = false;

    constructor([name, ...rest]: readonly RedisArgument[], form: ReplyForm) {
      super(String(name), rest);
      this.#form = form === "bytes" && STATUS_COMMANDS.has(String(name)) ? "text" : form;
    }

    withdraw(): void {
      this.#isWithdrawn = true;
      this.reject(new Error("the client is not connected"));
    }

    override toWritable(socket: object): string | Buffer {
      if (this.#isWithdrawn) return PING;
      if (this.isWritten) {
        this.reject(
          new Error(
            "the client would have sent it once more (autoResendUnfulfilledCommands, reconnectOnError)",
          ),
        );
        return PING;
      }
      this.isWritten = true;
      return super.toWritable(socket);
    }

    override transformReply(reply: unknown): unknown {
      return toReply(reply, this.#form);
    }

    /** Its deadline ends it, not the client's `commandTimeout`. */
    override setTimeout(): void {}
  };
}

/**
 * Commands that answer with a status. The client makes no difference between a status and a text,
 * and statuses are read as texts.
 */
const STATUS_COMMANDS: ReadonlySet<string> = new Set(
  "SET SETEX PSETEX MSET HMSET LSET LTRIM PING RENAME TYPE FLUSHDB FLUSHALL".split(" "),
);

/**
 * Reads a reply of the client's parser: texts and statuses are Buffers. Numbers are strings under
 * `stringNumbers`; maps are objects under `replyMapping: "resp3"`.
 */
function toReply(reply: unknown, form: ReplyForm): unknown {
  if (Buffer.isBuffer(reply)) return form === "text" ? reply.toString() : reply;
  if (typeof reply === "string") return Number(reply);
  if (Array.isArray(reply)) return reply.map((each) => toReply(each, form));
  if (typeof reply !== "object" || reply === null || reply instanceof Error) return reply;
  return Object.fromEntries(Object.entries(reply).map(([name, each]) => [name, toReply(each, form)]));
}
