import { checkFunction, type UsageError } from "./calls.ts";
import { nearestName } from "./settings.ts";

/** Listener of one event. */
export type Listener<Payload> = (event: Payload) => void;

/**
 * Checks the arguments of a call that adds a listener: a misspelt event would never be heard.
 *
 * @param known Names of the events.
 * @throws An error of the class, naming the nearest event.
 */
export function checkListener(
  name: unknown,
  listener: unknown,
  known: readonly string[],
  Fault: UsageError,
): void {
  checkFunction(listener, "A listener", Fault);
  if (typeof name === "string" && known.includes(name)) return;
  const nearest = typeof name === "string" ? nearestName(name, known) : undefined;
  const advice = nearest === undefined ? `There are ${known.join(", ")}.` : `Did you mean "${nearest}"?`;
  throw new Fault(
    `There is no event ${typeof name === "string" ? JSON.stringify(name) : "of this name"}. ${advice}`,
  );
}

/**
 * A small typed emitter. A listener that throws does not disturb the request that emitted the
 * event: its error is thrown again on the next tick, as an uncaught exception (as `EventTarget`
 * does).
 */
export class Events<EventMap extends object> {
  readonly #listeners = new Map<keyof EventMap, Set<Listener<never>>>();

  /** Adds a listener. @returns A function that removes it. */
  on<Name extends keyof EventMap>(name: Name, listener: Listener<EventMap[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Returns whether an event has listeners. */
  has(name: keyof EventMap): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof EventMap>(name: Name, event: EventMap[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as Listener<EventMap[Name]>)(event);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }
}
