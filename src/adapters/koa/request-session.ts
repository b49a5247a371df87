import type { SessionSource } from "../node/types.ts";
import type { KoaContext } from "./types.ts";

/**
 * Gives the contexts of an application the method `session()`, unless another library has it there.
 * It is added to their prototype: none of them gets a property of its own.
 */
export function provideSession<Data extends object>(ctx: KoaContext, sessions: SessionSource<Data>): void {
  if ("session" in ctx) return;
  Object.defineProperty(ctx.app.context, "session", {
    value(this: KoaContext) {
      return sessions.from(this);
    },
    writable: true,
    configurable: true,
  });
}

export function setSession(ctx: KoaContext, session: unknown): void {
  const { state } = ctx as unknown as { readonly state: { session?: unknown } };
  state.session = session;
}
