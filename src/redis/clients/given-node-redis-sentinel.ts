import type { RedisArgument } from "../commands.ts";
import type { RedisDriver } from "../driver.ts";
import { explainByForm } from "./given-client.ts";
import { GivenNodeRedisDriver, type GivenSend, type GivenServerClient } from "./given-node-redis.ts";

/** The used part of the client of one server inside a sentinel client. */
interface ServerClient {
  sendCommand(args: readonly RedisArgument[], options?: object): Promise<unknown>;
}

/**
 * The used part of a sentinel client (`createSentinel()` of `redis` or `@redis/client`, 5 or 6).
 */
export interface NodeRedisSentinel extends GivenServerClient {
  sendCommand(isReadonly: boolean | undefined, args: RedisArgument[], options?: object): Promise<unknown>;
  acquire(): Promise<unknown>;
}

/** A private method: it runs a function with the master's client, if need be twice. */
const EXECUTE = "_execute";

interface Executor {
  [EXECUTE](isReadonly: boolean, run: (client: ServerClient) => Promise<unknown>): Promise<unknown>;
}

/** Returns whether a value looks like a sentinel client of node-redis. */
export function isNodeRedisSentinel(value: unknown): value is NodeRedisSentinel {
  const client = value as Partial<NodeRedisSentinel> | null | undefined;
  return (
    typeof client?.isReady === "boolean" &&
    typeof client.sendCommand === "function" &&
    typeof client.acquire === "function" &&
    typeof (client as Partial<Executor>)[EXECUTE] === "function"
  );
}

/**
 * A driver over a sentinel client that the application makes, connects and closes. The client finds
 * the master itself; meanwhile commands wait, up to their deadlines.
 */
export function givenNodeRedisSentinelDriver(client: NodeRedisSentinel): RedisDriver {
  return new GivenNodeRedisDriver(client, sendOnce(client), "sentinel client", ["ready", "end"]);
}

/**
 * Sends each command once. The client waits for the next master, and runs a function again if the
 * connection was lost meanwhile; a command that was sent, or whose caller no longer waits, is not
 * sent again.
 */
function sendOnce(client: NodeRedisSentinel): GivenSend {
  return (args, options, recipient) => {
    let lost: Error | undefined;
    return (client as unknown as Executor)[EXECUTE](false, async (master) => {
      if (lost !== undefined) throw lost;
      if (recipient?.isSettled === true) throw new Error("The client is offline");
      try {
        return await master.sendCommand(args, options);
      } catch (error) {
        if (error instanceof Error && explainByForm(error).kind === "lost") lost = error;
        throw error;
      }
    });
  };
}
