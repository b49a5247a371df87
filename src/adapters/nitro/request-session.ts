import type { NitroEvent } from "./types.ts";

export function setSession({ context }: NitroEvent, session: unknown): void {
  Object.assign(context, { session });
}
