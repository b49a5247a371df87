import { afterEach, beforeEach, vi } from "vitest";

/**
 * To be called in a `describe`: its tests run as on a runtime that has no Temporal. Node 26, Bun and Deno
 * have it.
 */
export function withoutTemporal(): void {
  beforeEach(() => void vi.stubGlobal("Temporal", undefined));
  afterEach(() => void vi.unstubAllGlobals());
}
