import { SessionUsageError } from "../../core/errors.ts";
import { describeCached } from "../../session/sessions-calls.ts";
import type { NitroEvent } from "./types.ts";

/** Context of an event, whose `cache` Nitro 2 sets while it makes a response for all visitors. */
interface Context {
  readonly session?: unknown;
  readonly cache?: { readonly options?: Record<string, unknown> } | undefined;
}

/** Sets the session of an event. A handler whose response is cached shares the context, and must not read it. */
export function setSession({ context }: NitroEvent, session: unknown): void {
  Object.defineProperty(context, "session", {
    configurable: true,
    enumerable: true,
    get(this: Context) {
      if (!isCaching(this)) return session;
      throw new SessionUsageError(describeCached("event.context.session was read in"));
    },
    set(this: Context, value: unknown) {
      Object.defineProperty(this, "session", { configurable: true, enumerable: true, writable: true, value });
    },
  });
}

/** Sets the session again in an event whose context Nitro has copied, as it does for other platforms than Node. */
export function keepSession(event: NitroEvent): void {
  const copied = Object.getOwnPropertyDescriptor(event.context, "session");
  if (copied?.writable) setSession(event, copied.value);
}

function isCaching({ cache }: Context): boolean {
  const { getKey, integrity } = cache?.options ?? {};
  return typeof getKey === "function" && typeof integrity === "string";
}
