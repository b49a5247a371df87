import type { RequestEvent } from "@sveltejs/kit";
import { cartCount, countedThings } from "../../../../shared/cart.ts";
import { devicesOf } from "../../../../shared/devices.ts";
import { time } from "../../../../shared/views/time.ts";
import { sessions, visitorOf } from "$lib/server/sessions.ts";

export async function load(event: RequestEvent) {
  const session = await sessions.from(event);
  const devices = (await devicesOf(session, sessions)).map(({ device, lastSeenAt, isCurrent }) => ({
    label: device ?? "Unknown device",
    lastSeen: String(time(lastSeenAt)),
    isCurrent,
  }));
  const things = countedThings(cartCount(session.data));
  return { title: "Who am I", devices, things, visitor: visitorOf(session) };
}
