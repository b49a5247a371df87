import type { ReactRouterArgs, ReactRouterContext } from "./types.ts";

export function setSession<Value>(
  { context }: ReactRouterArgs,
  key: ReactRouterContext<Value>,
  session: Value,
): void {
  context.set(key, session);
}
