import type { H3Event } from "./types.ts";

export function setSession({ context }: H3Event, session: unknown): void {
  Object.assign(context, { session });
}
