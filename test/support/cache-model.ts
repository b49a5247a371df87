import fc from "fast-check";
import { expect } from "vitest";

import type { Cache, Timeout } from "../../src/cache/index.ts";
import { CacheKeyNotFoundError, CacheNotIntegerError } from "../../src/core/errors.ts";
import { seed } from "./scale.ts";

/** One call, with what it is called with. */
export type Step =
  | {
      readonly name: "set" | "add" | "getOrSet";
      readonly key: string;
      readonly value: unknown;
      readonly timeout: Timeout;
    }
  | {
      readonly name: "setMany";
      readonly values: Readonly<Record<string, unknown>>;
      readonly timeout: Timeout;
    }
  | { readonly name: "touch"; readonly key: string; readonly timeout: Timeout }
  | { readonly name: "delete" | "has" | "take" | "persist"; readonly key: string }
  | { readonly name: "deleteMany"; readonly keys: readonly string[] }
  | { readonly name: "incr" | "decr"; readonly key: string; readonly delta: number }
  | { readonly name: "clear" }
  /** Lets a second pass. */
  | { readonly name: "wait" };

const KEYS = ["a", "b", "c"];

// Small numbers of keys, values and timeouts: the calls have to meet.
const key = fc.constantFrom(...KEYS);
const value = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(null, 1.5, "1", true, [1], { a: { b: "é" } }),
);

/** Sequences of calls. */
export function stepsOf(timeouts: readonly Timeout[], waits: boolean): fc.Arbitrary<Step[]> {
  const timeout = fc.constantFrom(...timeouts);
  const step: fc.Arbitrary<Step>[] = [
    fc.record({
      name: fc.constantFrom("set" as const, "add" as const, "getOrSet" as const),
      key,
      value,
      timeout,
    }),
    fc.record({ name: fc.constant("setMany" as const), values: fc.dictionary(key, value), timeout }),
    fc.record({ name: fc.constant("touch" as const), key, timeout }),
    fc.record({
      name: fc.constantFrom("delete" as const, "has" as const, "take" as const, "persist" as const),
      key,
    }),
    fc.record({ name: fc.constant("deleteMany" as const), keys: fc.array(key) }),
    fc.record({
      name: fc.constantFrom("incr" as const, "decr" as const),
      key,
      delta: fc.integer({ min: -3, max: 3 }),
    }),
    fc.constant({ name: "clear" as const }),
  ];
  if (waits) step.push(fc.constant({ name: "wait" as const }));
  return fc.array(fc.oneof(...step), { maxLength: 30 });
}

/** A cache without a store: values with the second in which they end. */
class CacheModel {
  readonly #entries = new Map<string, { readonly value: unknown; readonly endsAt: number }>();
  #now = 0;

  apply(step: Step): unknown {
    switch (step.name) {
      case "set":
        return (this.#put(step.key, step.value, step.timeout), true);
      case "setMany":
        for (const [name, each] of Object.entries(step.values)) this.#put(name, each, step.timeout);
        return [];
      case "add":
        return this.#has(step.key) ? false : (this.#put(step.key, step.value, step.timeout), true);
      case "getOrSet":
        if (this.#has(step.key)) return this.get(step.key);
        this.#put(step.key, step.value, step.timeout);
        return step.value;
      case "touch":
        return this.#has(step.key) && (this.#put(step.key, this.get(step.key), step.timeout), true);
      case "persist":
        return this.#has(step.key) && (this.#put(step.key, this.get(step.key), null), true);
      case "take": {
        const taken = this.get(step.key);
        this.#delete(step.key);
        return taken;
      }
      case "has":
        return this.#has(step.key);
      case "delete":
        return this.#delete(step.key);
      case "deleteMany":
        return step.keys.filter((each) => this.#delete(each)).length;
      case "incr":
        return this.#add(step.key, step.delta);
      case "decr":
        return this.#add(step.key, -step.delta);
      case "clear":
        return KEYS.filter((each) => this.#delete(each)).length;
      case "wait":
        this.#now++;
        return undefined;
    }
  }

  get(name: string): unknown {
    return this.#has(name) ? this.#entries.get(name)?.value : undefined;
  }

  #has(name: string): boolean {
    return (this.#entries.get(name)?.endsAt ?? 0) > this.#now;
  }

  #put(name: string, given: unknown, timeout: Timeout): void {
    const endsAt = timeout === null ? Number.POSITIVE_INFINITY : this.#now + Number(timeout);
    this.#entries.set(name, { value: given, endsAt });
  }

  #delete(name: string): boolean {
    const had = this.#has(name);
    this.#entries.delete(name);
    return had;
  }

  #add(name: string, delta: number): unknown {
    if (!this.#has(name)) return CacheKeyNotFoundError;
    const entry = this.#entries.get(name);
    if (entry === undefined || !Number.isInteger(entry.value)) return CacheNotIntegerError;
    const sum = Number(entry.value) + delta;
    this.#entries.set(name, { ...entry, value: sum });
    return sum;
  }
}

function call(cache: Cache, step: Exclude<Step, { name: "wait" }>): Promise<unknown> {
  switch (step.name) {
    case "set":
    case "add":
    case "getOrSet":
      return cache[step.name](step.key, step.value, { timeout: step.timeout });
    case "setMany":
      return cache.setMany(step.values, { timeout: step.timeout });
    case "touch":
      return cache.touch(step.key, step.timeout);
    case "has":
    case "delete":
    case "take":
    case "persist":
      return cache[step.name](step.key);
    case "deleteMany":
      return cache.deleteMany(step.keys);
    case "incr":
    case "decr":
      return cache[step.name](step.key, step.delta);
    case "clear":
      return cache.clear();
  }
}

/**
 * Runs a sequence on a cache that is empty, and compares each answer, and all values after it, with the
 * model's.
 */
async function follow(cache: Cache, steps: readonly Step[], wait: () => void): Promise<void> {
  const model = new CacheModel();
  for (const step of steps) {
    const expected = model.apply(step);
    if (step.name === "wait") wait();
    else expect(await answerOf(call(cache, step)), JSON.stringify(step)).toEqual(expected);
    const values = KEYS.map((each) => [each, model.get(each)] as const);
    expect(await Promise.all(KEYS.map((each) => cache.get(each)))).toEqual(values.map(([, each]) => each));
    expect(await cache.getMany(KEYS)).toEqual(new Map(values.filter(([, each]) => each !== undefined)));
  }
}

async function answerOf(operation: Promise<unknown>): Promise<unknown> {
  return operation.catch((error: unknown) => (error as Error).constructor);
}

/** Checks that caches follow the model, whatever is called in whatever order. */
export async function checkAgainstModel(
  steps: fc.Arbitrary<Step[]>,
  open: () => { readonly cache: Cache; readonly wait: () => void },
  numRuns: number,
): Promise<void> {
  const law = fc.asyncProperty(steps, async (sequence) => {
    const { cache, wait } = open();
    await follow(cache, sequence, wait);
  });
  await fc.assert(law, { seed, numRuns });
}
