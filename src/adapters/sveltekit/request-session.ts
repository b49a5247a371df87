import type { SvelteKitEvent } from "./types.ts";

export function setSession({ locals }: Pick<SvelteKitEvent, "locals">, session: unknown): void {
  Object.assign(locals, { session });
}
