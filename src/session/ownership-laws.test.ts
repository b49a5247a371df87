import fc from "fast-check";
import { expect, test } from "vitest";
import { type Data, openHarness } from "../../test/support/session-harness.ts";
import { scaled, seed } from "../../test/support/scale.ts";
import type { Session } from "./session.ts";

const KEYS = ["a", "b", "c", "__proto__", "constructor", "toJSON"];
const ACTS = [
  "assign",
  "nest",
  "push",
  "alias",
  "borrow",
  "change",
  "delete",
  "save",
  "save",
  "update",
] as const;
const REQUESTS = 3;
const VISITORS = 2;

/** Actions of the application in one of the requests. */
interface Step {
  readonly request: number;
  readonly act: (typeof ACTS)[number];
  readonly key: string;
  readonly other: string;
  /** Index of its own object, or of another request. */
  readonly source: number;
}

const key = fc.constantFrom(...KEYS);

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    request: fc.nat(REQUESTS * VISITORS - 1),
    act: fc.constantFrom(...ACTS),
    key,
    other: key,
    source: fc.nat(20),
  }),
  { minLength: 5, maxLength: 40 },
);

/** JSON with shared references, frozen parts, long arrays and deep nesting. */
const ownObjects: fc.Arbitrary<readonly object[]> = fc
  .tuple(
    fc.dictionary(key, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 4 }),
    fc.dictionary(key, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
    fc.constantFrom(1, 60, 480),
    fc.constantFrom(3, 300, scaled(3000, 20_000)),
  )
  .map(([first, second, depth, length]) => {
    const shared = { first, list: [second, first, second], twice: { first, again: first } };
    const long = Array.from({ length }, (_, index) => (index % 100 === 0 ? { index } : index % 10));
    const frozen = freezeDeep(structuredClone(shared));
    return [first, second, shared, nested(depth), { long, shared }, long, frozen, Object.freeze([first])];
  });

function nested(depth: number): object {
  let at: object = { leaf: 1 };
  for (let level = 0; level < depth; level++) at = level % 2 === 0 ? { at } : [at];
  return at;
}

function freezeDeep<Value extends object>(value: Value): Value {
  for (const each of containersIn([value])) Object.freeze(each);
  return value;
}

/** Returns every object and array in some values. */
function containersIn(values: readonly unknown[]): Set<object> {
  const found = new Set<object>();
  const pending = [...values];
  while (pending.length > 0) {
    const each = pending.pop();
    if (typeof each !== "object" || each === null || found.has(each)) continue;
    found.add(each);
    for (const inner of Object.values(each) as unknown[]) pending.push(inner);
  }
  return found;
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
}

function read(object: Data, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Some requests of two visitors, all open at once, and an application with objects of its own. */
class Play {
  readonly #own: readonly object[];
  readonly #ownContainers: ReadonlySet<object>;
  readonly #ownText: string;
  readonly #sessions: readonly Session<Data>[];
  /** All data is read at each step; else parts stay unread until a step needs them. */
  readonly #isWatched: boolean;

  constructor(own: readonly object[], sessions: readonly Session<Data>[], isWatched: boolean) {
    this.#own = own;
    this.#ownContainers = containersIn(own);
    this.#ownText = textOf(own);
    this.#sessions = sessions;
    this.#isWatched = isWatched;
  }

  async run(step: Step): Promise<void> {
    const session = this.#sessions[step.request] as Session<Data>;
    const lender = step.act === "borrow" ? this.#lender(step) : undefined;
    const others = this.#sessions.filter((each) => each !== session && each !== lender);
    const before = this.#isWatched ? others.map(({ data }) => textOf(data)) : [];
    await this.#act(session, step, lender);
    if (this.#isWatched) expect(others.map(({ data }) => textOf(data))).toStrictEqual(before);
    expect(textOf(this.#own)).toBe(this.#ownText);
  }

  /**
   * Checks that no two sessions share an object, except those that the application put into both.
   */
  checkSharing(): void {
    const met = new Set<object>();
    for (const { data } of this.#sessions) {
      for (const container of containersIn([data])) {
        if (this.#ownContainers.has(container)) continue;
        expect(met.has(container)).toBe(false);
        met.add(container);
      }
    }
  }

  #lender({ source }: Step): Session<Data> | undefined {
    return this.#sessions[source % this.#sessions.length];
  }

  async #act(session: Session<Data>, step: Step, lender: Session<Data> | undefined): Promise<void> {
    const { act, key: name, other, source } = step;
    const { data } = session;
    const own = this.#own[source % this.#own.length];
    const target = read(data, name);
    const isChangeable = typeof target === "object" && target !== null && this.#isOnlyIn(target, session);
    if (act === "assign") define(data, name, own);
    if (act === "nest" && isChangeable && !Array.isArray(target)) define(target, other, own);
    if (act === "push" && isChangeable && Array.isArray(target)) target.push(own);
    if (act === "alias" && read(data, other) !== undefined) define(data, name, read(data, other));
    if (act === "change" && isChangeable) define(target, Array.isArray(target) ? "0" : other, source);
    if (act === "delete") delete data[name];
    if (lender) await this.#borrow(session, lender, step);
    if (act === "update") await session.update((draft) => define(draft, name, own));
    if (act === "save") await this.#save(session);
  }

  /** Checks that a save leaves no changes. */
  async #save(session: Session<Data>): Promise<void> {
    await session.save();
    expect([...session.sessionData.delta().keys()]).toStrictEqual([]);
  }

  /**
   * Takes the data of another session and saves it: from then on, writes to that session do not
   * change it.
   */
  async #borrow(
    session: Session<Data>,
    lender: Session<Data>,
    { key: name, other, source }: Step,
  ): Promise<void> {
    if (lender === session) return;
    define(session.data, name, read(lender.data, other) ?? null);
    await this.#save(session);
    const before = textOf(session.data);
    await lender.update((draft) => define(draft, other, { by: source }));
    expect(textOf(session.data)).toBe(before);
    define(session.data, name, source);
  }

  #isOnlyIn(target: object, session: Session<Data>): boolean {
    if (this.#ownContainers.has(target)) return false;
    return this.#sessions.every((each) => each === session || !containersIn([each.data]).has(target));
  }
}

test(
  "law: whatever is merged in whatever order, the application's objects stay as they are, sessions share none, " +
    "no unchanged part is written, and nothing throws",
  async () => {
    await fc.assert(
      fc.asyncProperty(ownObjects, steps, fc.boolean(), async (own, taken, isWatched) => {
        const { sessions } = openHarness({ maxBytes: 256 * 1024 * 1024, deadline: "60s" });
        const stored = { a: { n: 1, list: [{ n: 1 }] }, b: own[0], c: [own[2]] };
        const visitors = await Promise.all(Array.from({ length: VISITORS }, () => sessions.create(stored)));
        const cookies = visitors.flatMap(({ cookieHeader }) =>
          Array.from({ length: REQUESTS }, () => cookieHeader),
        );
        const play = new Play(
          own,
          await Promise.all(cookies.map((cookie) => sessions.open(cookie))),
          isWatched,
        );
        for (const step of taken) await play.run(step);
        play.checkSharing();
      }),
      // A busy machine tries fewer cases instead of failing.
      { seed, numRuns: scaled(60, 2000), plugins: [fc.interruptAfterTimeLimit(scaled(4000, 240_000))] },
    );
  },
);
