import type { Session, Sessions, UserSession } from "sojourn";
import type { ShopData } from "./session-data.ts";

/**
 * Returns the sessions of the visitor's user, the most recently used first; none for an anonymous
 * visitor.
 */
export async function devicesOf<Data extends ShopData>(
  session: Session<Data>,
  sessions: Sessions<Data>,
): Promise<UserSession[]> {
  const devices: UserSession[] = [];
  if (session.userId === undefined) return devices;
  for await (const device of sessions.ofUser(session.userId, { current: session })) devices.push(device);
  return devices;
}
