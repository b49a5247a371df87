import type { RedisArgument } from "../commands.ts";
import type { RedisDriver, RedisDriverFactory } from "../driver.ts";
import { onEndOf } from "./ends-of-clients.ts";
import { explainByForm } from "./given-client.ts";
import { GivenNodeRedisDriver, type GivenSend, type GivenServerClient } from "./given-node-redis.ts";
import { databaseOf, duplicateOf, type Template, trackingFactory } from "./given-node-redis-tracking.ts";

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
  [EXECUTE]<Result>(isReadonly: boolean, run: (master: Template) => Promise<Result>): Promise<Result>;
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

/** Drivers over a sentinel client that the application makes, connects and closes. */
export function givenNodeRedisSentinelFactory(client: NodeRedisSentinel): RedisDriverFactory {
  const driver = (): Promise<RedisDriver> => Promise.resolve(givenNodeRedisSentinelDriver(client));
  const tracking = trackingFactory({
    get isOpen() {
      return client.isOpen;
    },
    mayBeReplica: true,
    onEnd: (listener) => onEndOf(client, listener),
    duplicate: (onMove) =>
      (client as unknown as Executor)[EXECUTE](false, async (master) => {
        // Before anything is awaited: the master may change meanwhile.
        const leaves = [
          onEndOf(client, (change) => isOfMaster(change) && onMove(), "topology-change"),
          // In version 5 nothing else tells that the client was closed.
          onEndOf(master, onMove),
        ];
        const leave = (): void => leaves.forEach((each) => each());
        return { client: duplicateOf(master, { database: await databaseOf(master) }), leave };
      }),
  });
  return Object.assign(driver, { tracking });
}

function isOfMaster(change: unknown): boolean {
  return (change as { readonly type?: unknown }).type === "MASTER_CHANGE";
}

/**
 * A driver over a sentinel client that the application makes, connects and closes. The client finds
 * the master itself; meanwhile commands wait, up to their deadlines.
 */
function givenNodeRedisSentinelDriver(client: NodeRedisSentinel): RedisDriver {
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
