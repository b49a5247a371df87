import { AsyncLocalStorage } from "node:async_hooks";
import type { RequestListener } from "node:http";

const argument = new AsyncLocalStorage<string>();

/**
 * Lets routes with a fixed path have an argument, in any framework: `/set/cart` is a request of `/set`, whose handler
 * finds `cart` by {@link routeArgument}.
 */
export function withArguments(listener: RequestListener): RequestListener {
  return (request, response) => {
    const [, path = "/", value = ""] = /^(\/[^/]*)(?:\/(.*))?$/.exec(request.url ?? "") ?? [];
    request.url = path;
    argument.run(decodeURIComponent(value), () => listener(request, response));
  };
}

/** Returns the argument of the running request. */
export function routeArgument(): string {
  const value = argument.getStore();
  if (value === undefined) throw new Error("This runs outside of a request, or its framework has lost it.");
  return value;
}
