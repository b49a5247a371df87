import fc from "fast-check";
import { expect, test } from "vitest";
import { scaled, seed } from "../support/scale.ts";
import { arbitrarySession } from "./support/arbitrary-session.ts";
import { pythonView } from "./support/describe-value.ts";
import { type DescribedMember, describeWithDjango } from "./support/django-peer.ts";
import { type Data, NodeSite } from "./support/node-site.ts";

const FACTS = "_sojourn";

/** As Django has to read it, the facts of Sojourn aside, which come last. */
function membersOf(data: Data): DescribedMember[] {
  return Object.entries(data).map(([key, value]) => [key, pythonView(value)]);
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

describeWithDjango("Django reads what Node has written", (django) => {
  test("200 random sessions, equal in value, in type and in the order of keys", async () => {
    const site = new NodeSite();
    const counts = { compressed: 0, plain: 0 };
    const property = fc.asyncProperty(arbitrarySession, async (data) => {
      const record = await site.write(data);
      counts[record.startsWith(".") ? "compressed" : "plain"]++;
      const { members, complaints } = await django().call("decode", { record });
      expect(complaints).toEqual([]);
      expect(members.at(-1)?.[0]).toBe(FACTS);
      expect(members.slice(0, -1)).toEqual(membersOf(data));
    });
    const runs = scaled(200, 5000);
    await fc.assert(property, { seed, numRuns: runs });
    // Either way of writing a record has to be among them.
    expect(counts.compressed).toBeGreaterThan(runs / 10);
    expect(counts.plain).toBeGreaterThan(runs / 10);
  });

  test("with the secret before the last, which Django has among its fallbacks, and not without it", async () => {
    const data = { cart: { tea: 2 }, note: "é".repeat(200) };
    const record = await new NodeSite({ secret: "the old one" }).write(data);
    const rotated = await django().call("decode", {
      record,
      secret: "the new one",
      fallbacks: ["older", "the old one"],
    });
    expect(rotated.members.slice(0, -1)).toEqual(membersOf(data));
    const without = await django().call("decode", { record, secret: "the new one", fallbacks: ["older"] });
    expect(without).toEqual({ members: [], complaints: ["Session data corrupted"] });
  });

  test("as deep as Node writes at all, also from within 400 frames of a Django site", async () => {
    const site = new NodeSite();
    const deepest = await deepestWritten(site);
    const { members } = await django().call("decode", {
      record: await site.write({ deep: nested(deepest) }),
      frames: 400,
    });
    expect(members[0]).toEqual(["deep", pythonView(nested(deepest))]);
  });
});

/** Levels of the deepest value that is not refused. */
async function deepestWritten(site: NodeSite): Promise<number> {
  const isWritten = (levels: number) =>
    site.write({ deep: nested(levels) }).then(
      () => true,
      () => false,
    );
  let [written, refused] = [1, 2000];
  while (refused - written > 1) {
    const middle = Math.floor((written + refused) / 2);
    if (await isWritten(middle)) written = middle;
    else refused = middle;
  }
  return written;
}
