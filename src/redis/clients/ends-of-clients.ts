/** The used part of a client that an application may close. */
interface ClosableClient {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Listeners by event, for each client. */
const listenersOf = new WeakMap<ClosableClient, Map<string, Set<Listener>>>();

type Listener = (detail?: unknown) => void;

/**
 * Calls a function when an application's client ends. The client has one listener for all links,
 * since it warns of a leak from the eleventh on.
 *
 * @param event Event by which the client tells. @defaultValue `"end"`
 * @returns A function that ends the wait.
 */
export function onEndOf(client: ClosableClient, listener: Listener, event = "end"): () => void {
  const byEvent = listenersOf.get(client) ?? new Map<string, Set<Listener>>();
  listenersOf.set(client, byEvent);
  let listeners = byEvent.get(event);
  if (listeners === undefined) {
    const all = (listeners = new Set<Listener>());
    byEvent.set(event, all);
    client.on(event, (detail) => all.forEach((each) => each(detail)));
  }
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
