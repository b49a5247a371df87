import { SessionUsageError } from "../core/errors.ts";

/** Replacements for assignments that other session libraries take. */
const ADVICE: Readonly<Record<string, string>> = {
  userId: "Call session.login(userId), which also gives the session a new key.",
  cookie: "The cookie's attributes are settings (sessions.cookie); how long this session lasts is session.setExpiry().",
};

/**
 * Makes a session object refuse what would be lost: `session.x = 1` is not the visitor's data, which is in
 * `session.data`. Symbols may be set: libraries mark objects with them, and nobody takes them for data.
 *
 * A Proxy at the end of the prototype chain sees what no class knows, and costs nothing where a name is known.
 *
 * @param classes From the base class on.
 */
export function explainAssignments(...classes: readonly { readonly prototype: object }[]): void {
  for (const { prototype } of classes) refuseReadOnly(prototype);
  const base = classes[0]?.prototype;
  if (base) Object.setPrototypeOf(base, new Proxy({}, { set: setUnknown }));
}

/** Plain scripts that are not in strict mode would not hear of it. */
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
