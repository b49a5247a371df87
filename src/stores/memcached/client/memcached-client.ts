import { type Clock, systemClock } from "../../../core/clock.ts";
import type { Deadline } from "../../../core/deadlines.ts";
import { type ConnectionSettings, MetaConnection } from "./meta-connection.ts";
import { type MetaKey, toMetaKey } from "./meta-key.ts";
import type { MetaReply } from "./meta-reader.ts";
import type { ServerAddress } from "./server-address.ts";
import { type Distribution, ServerRing } from "./server-ring.ts";

/** Servers of a client, and how they are reached. */
export interface ClientSettings extends Omit<ConnectionSettings, "address"> {
  readonly servers: readonly ServerAddress[];
  /** @defaultValue `"rendezvous"` */
  readonly distribution?: Distribution | undefined;
}

/** An item: its key, as the protocol has it, and the key whose server it is on. */
export interface Item extends MetaKey {
  readonly serverOf: string;
}

/** A client of memcached's meta protocol (memcached 1.6): one connection a server. */
export class MemcachedClient {
  readonly #ring: ServerRing<MetaConnection>;

  constructor({ servers, distribution, ...settings }: ClientSettings, clock: Clock = systemClock) {
    this.#ring = new ServerRing(
      servers.map((address) => new MetaConnection({ ...settings, address }, clock)),
      distribution,
    );
  }

  /**
   * Sends a command about a key to the key's server. Commands of one turn to one server are executed
   * in their order.
   *
   * @param name `mg`, `md`, `ma` or `ms`.
   * @param item Any text, which {@link toMetaKey} fits to the protocol; or an item.
   * @param flags Flags of the command, each with its token.
   * @param value Data block of an `ms`; a text goes in UTF-8.
   * @param head Text in ASCII before the value in the data block. One text of both would be copied to be
   *   measured.
   * @param read As in {@link MetaConnection.ask}.
   */
  ask<Answer = MetaReply>(
    name: "mg" | "md" | "ma" | "ms",
    item: string | Item,
    flags: readonly string[],
    deadline: Deadline,
    value?: Uint8Array | string,
    head = "",
    read?: (reply: MetaReply) => Answer,
  ): Promise<Answer> {
    const { text, isBinary } = typeof item === "string" ? toMetaKey(item) : item;
    const serverOf = typeof item === "string" ? item : item.serverOf;
    const size = value === undefined ? "" : ` ${head.length + Buffer.byteLength(value)}`;
    const words = flags.length === 0 ? "" : ` ${flags.join(" ")}`;
    const start = `${name} ${text}${size}${isBinary ? " b" : ""}${words}\r\n${head}`;
    return this.#ring.serverOf(serverOf).ask(start, value, deadline, read);
  }

  /** Asks all servers whether they answer. */
  async ping(deadline: Deadline): Promise<void> {
    await Promise.all(this.#ring.servers.map((server) => server.ask("mn\r\n", undefined, deadline)));
  }

  close(): void {
    for (const server of this.#ring.servers) server.close();
  }
}

/** Returns the token of a flag of a reply, such as the `c` of `c123`; `undefined` without it. */
export function tokenOf({ words }: MetaReply, flag: string): string | undefined {
  return words.find((word) => word.startsWith(flag))?.slice(flag.length);
}
