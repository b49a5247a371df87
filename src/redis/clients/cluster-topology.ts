import type { RedisArgument } from "../commands.ts";
import { addressOf } from "../endpoint.ts";
import { SLOTS, slotOf } from "../key-slot.ts";

/** Slots of each node of a cluster. Nodes are named by their announced addresses, `host:port`. */
export class ClusterTopology {
  readonly masters: readonly string[];
  readonly #owners: (string | undefined)[];

  private constructor(owners: (string | undefined)[]) {
    this.#owners = owners;
    this.masters = [...new Set(owners)].filter((owner) => owner !== undefined);
  }

  /**
   * Reads the reply to CLUSTER SLOTS.
   *
   * @param host The host that answered: a node that does not know its own address leaves it empty.
   */
  static of(reply: unknown, host: string): ClusterTopology {
    const owners = Array.from<string | undefined>({ length: SLOTS });
    for (const [from, to, master] of Array.isArray(reply) ? (reply as SlotRange[]) : []) {
      const [name, port] = master;
      owners.fill(addressOf({ host: name === null || name === "" ? host : name, port }), from, to + 1);
    }
    return new ClusterTopology(owners);
  }

  /** Returns the node that holds a key; `undefined` if none does. */
  ownerOf(key: RedisArgument): string | undefined {
    return this.#owners[slotOf(key)];
  }

  /** Returns whether each slot has the same node. */
  equals(other: ClusterTopology): boolean {
    return this.#owners.every((owner, slot) => owner === other.#owners[slot]);
  }

  /** Returns a copy with one slot moved. */
  with(slot: number, owner: string): ClusterTopology {
    if (this.masters.includes(owner)) {
      this.#owners[slot] = owner;
      return this;
    }
    return new ClusterTopology(this.#owners.with(slot, owner));
  }
}

/** First and last slot, and the master: its host, port and more. */
type SlotRange = readonly [number, number, readonly [string | null, number]];
