import { ImproperlyConfigured } from "../core/errors.ts";
import { nearestName } from "../core/settings.ts";

/** Names that the language, and code that prints or compares objects, reads from any object. */
const ASKED_OF_ANY = new Set(["then", "toJSON", "asymmetricMatch", "nodeType", "length"]);

/**
 * Makes an object of caches refuse unknown names, as Django's `caches` does. Without this, an
 * `undefined` cache fails at its first use, without naming the missing setting.
 */
export function refuseUnknownCaches<Caches extends object>(caches: Caches): Caches {
  const known = Object.keys(caches);
  const get = (target: object, name: string | symbol, receiver: unknown): unknown => {
    const isAsked = typeof name === "symbol" || name in target || ASKED_OF_ANY.has(name);
    if (isAsked) return Reflect.get(target, name, receiver);
    throw new ImproperlyConfigured(`caches.${name}`, describeUnknown(name, known));
  };
  return Object.setPrototypeOf(
    caches,
    new Proxy(Object.create(Object.prototype) as object, { get }),
  ) as Caches;
}

function describeUnknown(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const meant =
    nearest === undefined
      ? `there are ${known.map((each) => JSON.stringify(each)).join(", ")}`
      : `did you mean "${nearest}"`;
  const mark = nearest === undefined ? "." : "?";
  return `is not configured; ${meant}${mark} Each cache has its settings, if only {}, in createSojourn({ caches: … }).`;
}
