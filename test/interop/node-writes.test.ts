import fc from "fast-check";
import { expect, test } from "vitest";
import { Random } from "../support/random.ts";
import { scaled, seed } from "../support/scale.ts";
import { arbitrarySession } from "./support/arbitrary-session.ts";
import { pythonView } from "./support/describe-value.ts";
import { type DescribedMember, describeWithDjango, SECRET } from "./support/django-peer.ts";
import { type Data, NodeSite } from "./support/node-site.ts";

const FACTS = "_sojourn";
const RECORDS = scaled(500, 5000);

/** Records that are under way at the same time: then neither side waits for the other. */
const AT_ONCE = 20;

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
  test(`${RECORDS} random sessions, equal in value, in type and in the order of keys: with the same secret, with a rotated one; and none that was tampered with, by either side`, async () => {
    const site = new NodeSite();
    const rotation = { secret: "the new secret of the tests, as long", fallbacks: ["older", SECRET] };
    const rotated = new NodeSite(rotation);
    const random = new Random(seed);
    const counts = { compressed: 0, plain: 0 };

    const check = async (data: Data): Promise<void> => {
      const record = await site.write(data);
      counts[record.startsWith(".") ? "compressed" : "plain"]++;
      const expected = membersOf(data);
      for (const secrets of [{}, rotation]) {
        const { members, complaints } = await django().call("decode", { record, ...secrets });
        expect([complaints, members.at(-1)?.[0], members.slice(0, -1)]).toEqual([[], FACTS, expected]);
      }
      expect(pythonView((await rotated.open(record)).data)).toBe(pythonView(data));

      const tampered = withOneCharacterChanged(record, random);
      const refused = { members: [], complaints: ["Session data corrupted"] };
      expect(await django().call("decode", { record: tampered, ...rotation }), tampered).toEqual(refused);
      expect((await rotated.open(tampered)).isEmpty, tampered).toBe(true);
    };

    const all = fc.sample(arbitrarySession, { seed, numRuns: RECORDS });
    for (let first = 0; first < RECORDS; first += AT_ONCE) {
      await Promise.all(all.slice(first, first + AT_ONCE).map(check));
    }
    expect(rotated.undecodable).toEqual(all.map(() => "bad-signature"));
    // Either way of writing a record has to be among them.
    expect(counts.compressed).toBeGreaterThan(RECORDS / 10);
    expect(counts.plain).toBeGreaterThan(RECORDS / 10);
  });

  test("with the secret before the last, which Django has among its fallbacks, and not without it", async () => {
    const data = { cart: { tea: 2 }, note: "é".repeat(200) };
    const record = await new NodeSite({ secret: "the old secret of the tests, as long" }).write(data);
    const rotated = await django().call("decode", {
      record,
      secret: "the new secret of the tests, as long",
      fallbacks: ["older", "the old secret of the tests, as long"],
    });
    expect(rotated.members.slice(0, -1)).toEqual(membersOf(data));
    const without = await django().call("decode", {
      record,
      secret: "the new secret of the tests, as long",
      fallbacks: ["older"],
    });
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

/** Another character at one place, or one more or less. */
function withOneCharacterChanged(record: string, random: Random): string {
  const at = random.integer(0, record.length - 1);
  const kind = random.pick(["replaced", "added", "left out"] as const);
  const other = random.pick(Array.from("AZaz09-_.:").filter((each) => each !== record[at]));
  return (
    record.slice(0, at) + (kind === "left out" ? "" : other) + record.slice(kind === "added" ? at : at + 1)
  );
}

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
