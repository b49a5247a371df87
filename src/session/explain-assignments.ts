import { SessionUsageError } from "../core/errors.ts";

/** Replacements for assignments that other session libraries take. */
const ADVICE: Readonly<Record<string, string>> = {
  userId: "Call session.login(userId), which also gives the session a new key.",
  cookie:
    "The cookie's attributes are settings (sessions.cookie); how long this session lasts is session.setExpiry().",
};

/**
 * Makes a session object refuse assignments that would be lost: `session.x = 1` does not set the
 * visitor's data, which is in `session.data`. Symbols may be set: libraries mark objects with them,
 * and they are not mistaken for data.
 *
 * A Proxy at the end of the prototype chain catches unknown names only, so known names cost
 * nothing.
 *
 * @param classes The base class first.
 */
export function explainAssignments(...classes: readonly { readonly prototype: object }[]): void {
  for (const { prototype } of classes) refuseReadOnly(prototype);
  const base = classes[0]?.prototype;
  if (base) Object.setPrototypeOf(base, new Proxy(foreignMembers(), { set: setUnknown }));
}

/** Methods of express-session with other names here, by their original names. */
const FOREIGN_METHODS: Readonly<Record<string, string>> = {
  regenerate: "Await session.cycleKey(), or session.login(userId).",
  destroy: "Await session.logout(), or session.flush().",
  resetMaxAge: "Each request extends its session; how long this one lasts is session.setExpiry().",
};

/**
 * Returns members that throw with advice on what to call. Testing for their existence is harmless.
 */
function foreignMembers(): object {
  const methods = Object.entries(FOREIGN_METHODS).map(([name, advice]) => {
    const value = (): never => {
      throw new SessionUsageError(
        `session.${name}() belongs to express-session and does not exist here. ${advice}`,
      );
    };
    return [name, { value, configurable: true, writable: true }] as const;
  });
  const cookie = (): never =>
    refuse("cookie", "session.cookie belongs to express-session and does not exist here.");
  return Object.defineProperties(
    {},
    { ...Object.fromEntries(methods), cookie: { get: cookie, configurable: true } },
  );
}

/**
 * Makes methods that return promises refuse a callback, which would never be called:
 * `session.save(next)` of express-session would leave the request hanging. They throw at once,
 * since a caller that passes a callback ignores the promise.
 */
export function refuseCallbacks(prototype: object, names: readonly string[]): void {
  const methods = prototype as Record<string, (...args: readonly unknown[]) => unknown>;
  for (const name of names) {
    const method = methods[name];
    if (method === undefined) continue;
    const value = function checked(this: object, first?: unknown): unknown {
      if (typeof first !== "function") return method.call(this);
      const advice = `Write \`await session.${name}()\`, and go on after it.`;
      throw new SessionUsageError(`session.${name}() returns a promise and calls no callback. ${advice}`);
    };
    Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  }
}

/**
 * Adds throwing setters to read-only accessors: sloppy-mode scripts would get no error otherwise.
 */
function refuseReadOnly(prototype: object): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (descriptor.get === undefined || descriptor.set !== undefined) continue;
    const set = (): never => refuse(name, `session.${name} can only be read.`);
    Object.defineProperty(prototype, name, { ...descriptor, set });
  }
}

function setUnknown(target: object, name: string | symbol, value: unknown, session: object): boolean {
  if (typeof name === "symbol") return Reflect.set(target, name, value, session);
  return refuse(name, `session.${name} would not be saved.`);
}

function refuse(name: string, problem: string): never {
  const advice = ADVICE[name] ?? `Visitors' data is in session.data: set session.data.${name}.`;
  throw new SessionUsageError(`${problem} ${advice}`);
}
