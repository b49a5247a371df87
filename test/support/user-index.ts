import { anyDeadline, type Harness } from "./session-harness.ts";
import type { SessionKey } from "../../src/core/ids.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import type { UserIndex } from "../../src/stores/user-index.ts";
import type { UserSession } from "../../src/session/users/user-sessions.ts";

/** Returns the sessions of a user, as `sessions.ofUser` lists them. */
export async function listOf(sessions: Sessions<any>, userId: string): Promise<UserSession[]> {
  const listed: UserSession[] = [];
  for await (const session of sessions.ofUser(userId)) listed.push(session);
  return listed;
}

/** Holds a step of the index until the test releases it; `arrived` counts the calls that wait. */
export function holdSteps(
  index: UserIndex,
  name: "add" | "check",
): { arrived: () => number; release: () => void } {
  const original = index[name].bind(index) as (...args: any[]) => Promise<any>;
  const waiting: (() => void)[] = [];
  let isOpen = false;
  Object.assign(index, {
    async [name](...args: unknown[]) {
      const result: unknown = name === "add" ? await original(...args) : undefined;
      if (!isOpen) await new Promise<void>((resolve) => waiting.push(resolve));
      return name === "add" ? result : original(...args);
    },
  });
  return {
    arrived: () => waiting.length,
    release() {
      isOpen = true;
      for (const go of waiting.splice(0)) go();
    },
  };
}

/** Returns the storage keys in the index of a user, also those without a live session. */
export async function keysOf(harness: Harness, userId = "1"): Promise<SessionKey[]> {
  const { sessions } = await indexOf(harness).page(userId, { after: undefined, limit: 200 }, anyDeadline());
  return sessions.map(({ key }) => key);
}

export function indexOf({ store }: Harness): UserIndex {
  if (store.users === undefined) throw new Error("the store has no index");
  return store.users;
}
