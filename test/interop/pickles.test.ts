import { expect, test } from "vitest";

import { run } from "../../scripts/lib/processes.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import {
  parsePickle,
  PickleBytearray,
  PickleDict,
  PickleFloat,
  PickleSet,
  pickleToJson,
  PickleTuple,
  type PickleValue,
} from "../../src/django/pickle/index.ts";
import { scaled, seed } from "../support/scale.ts";
import { describeWithDjango } from "./support/django-peer.ts";
import { prepareDjango } from "./support/virtual-environment.ts";

const COUNT = scaled(1000, 20_000);

/** Python's description of a value. */
interface Pickled {
  readonly protocol: number;
  readonly pickle: string;
  readonly json: string | null;
  readonly described: string;
}

async function makePickles(): Promise<readonly Pickled[]> {
  const environment = await prepareDjango();
  if ("obstacle" in environment) throw new Error(environment.obstacle);
  const script = inProject("test", "interop", "peer", "pickles.py");
  const args = ["-B", "-X", "utf8", script, String(seed), String(COUNT)];
  const { status, output } = await run(environment.python, args);
  if (status !== 0) throw new Error(output);
  return JSON.parse(output) as Pickled[];
}

/** In the notation of `peer/pickles.py`. */
function describe(value: PickleValue): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return `i${value}`;
  if (typeof value === "string") return pickleToJson(value).text;
  if (value instanceof PickleFloat) return describeFloat(value.value);
  if (value instanceof PickleTuple) return `t${describeAll(value.items)}`;
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString("hex")}`;
  if (value instanceof PickleBytearray) return `a${Buffer.from(value.bytes).toString("hex")}`;
  if (value instanceof PickleSet)
    return `${value.isFrozen ? "z" : "s"}[${[...value.members].map(describe).toSorted().join(",")}]`;
  if (!(value instanceof PickleDict)) return describeAll(value);
  return `{${[...value.entries].map(([key, each]) => `${describe(key)}:${describe(each)}`).join(",")}}`;
}

function describeAll(items: readonly PickleValue[]): string {
  return `[${items.map(describe).join(",")}]`;
}

function describeFloat(value: number): string {
  if (Number.isNaN(value)) return "fNaN";
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return `f${bits.toString("hex")}`;
}

describeWithDjango("pickles of Python's", () => {
  test("random plain data of protocols 2 to 5 comes here as it is there, and as JSON is what json.dumps writes", async () => {
    const seen = new Map<string, number>();
    for (const { protocol, pickle, json, described } of await makePickles()) {
      const value = parsePickle(Buffer.from(pickle, "base64"));
      expect({ pickle, described: describe(value) }).toEqual({ pickle, described });
      const { text, unfit } = pickleToJson(value);
      // Python writes both of `{1: …, "1": …}`, of which one is left when it is read.
      if (unfit.some(({ found }) => found.includes("same text"))) continue;
      const isJson = unfit.length === 0;
      expect({ pickle, text: isJson ? text : null }).toEqual({ pickle, text: json });
      const kind = `protocol ${protocol}, ${isJson ? "JSON" : "not JSON"}`;
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
    }
    // Protocol 2 has no plain data that JSON has not got.
    for (const protocol of [2, 3, 4, 5])
      expect(seen.get(`protocol ${protocol}, JSON`)).toBeGreaterThan(COUNT / 10);
    for (const protocol of [3, 4, 5])
      expect(seen.get(`protocol ${protocol}, not JSON`)).toBeGreaterThan(COUNT / 100);
  });
});
