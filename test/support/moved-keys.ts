import { Browser, type Data, type Harness, openHarness } from "./session-harness.ts";
import type { Session } from "../../src/session/session.ts";

export const HOUR = 3_600_000;

type Act = (session: Session<Data>) => unknown;

/** Ways to give a session a new key. */
export const MOVES: Readonly<Record<"login" | "cycleKey", Act>> = {
  login: (session) => session.login(7),
  cycleKey: (session) => session.cycleKey(),
};

/** Both forms of storage keys, and both requests in one process or in two. */
export const SETTINGS = [
  { hashKeys: false, processes: 1 },
  { hashKeys: true, processes: 1 },
  { hashKeys: false, processes: 2 },
  { hashKeys: true, processes: 2 },
] as const;

export interface Scene extends Harness {
  readonly browser: Browser;
  /** Requests that reach another process, with the browser's present cookie. */
  elsewhere(): Browser;
}

/** Opens a scene whose sessions are renewed after a day. */
export async function openScene({ hashKeys, processes }: (typeof SETTINGS)[number]): Promise<Scene> {
  const harness = openHarness({ hashKeys, renewEvery: "24h" });
  const browser = new Browser(harness.sessions);
  const others = processes === 1 ? harness.sessions : harness.otherProcess();
  return { ...harness, browser, elsewhere: () => new Browser(others, browser.cookie) };
}

/** Logs the browser in, with a cart. */
export async function logIn(scene: Scene): Promise<void> {
  await scene.browser.request((session) => {
    session.data["cart"] = 1;
    return session.login(7);
  });
}
