import type { SessionStore } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import type { OpenedEngine } from "../../../support/engines/open-engine.ts";

/** Opens an empty place for the sessions of the running test. */
export type Open = () => Promise<Omit<OpenedEngine, "close">>;

/** A store in memory, which processes of the test share. */
export const openMemory: Open = async () => {
  let store: SessionStore | undefined;
  return { store: (context) => (store ??= memorySessionStore()(context)), redis: {}, format: "django" };
};
