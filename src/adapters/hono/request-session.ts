import type { HonoContext } from "./types.ts";

export function setSession(context: HonoContext, session: unknown): void {
  const { set } = context as unknown as { readonly set: (name: string, value: unknown) => void };
  set("session", session);
}
