/** The used part of a client that an application may close. */
interface ClosableClient {
  on(event: "end", listener: () => void): unknown;
}

const listenersOf = new WeakMap<ClosableClient, Set<() => void>>();

/**
 * Calls a function when an application's client ends. The client has one listener for all links,
 * since it warns of a leak from the eleventh on.
 *
 * @returns A function that ends the wait.
 */
export function onEndOf(client: ClosableClient, listener: () => void): () => void {
  let listeners = listenersOf.get(client);
  if (listeners === undefined) {
    const all = (listeners = new Set<() => void>());
    listenersOf.set(client, all);
    client.on("end", () => all.forEach((each) => each()));
  }
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
