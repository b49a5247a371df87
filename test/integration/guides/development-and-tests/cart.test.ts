import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { ManualClock } from "sojourn/testing";
import { expect, onTestFinished, test } from "vitest";
import { makeApp } from "./app.ts";
import { openSojourn } from "./settings.ts";

async function openShop() {
  const clock = new ManualClock();
  const { sessions, close } = openSojourn({}, { clock });
  const server = makeApp(sessions).listen(0);
  await once(server, "listening");
  onTestFinished(async () => {
    server.close();
    await close();
  });
  const { port } = server.address() as AddressInfo;
  return { clock, sessions, url: `http://localhost:${port}` };
}

test("a product that is added joins what is in the cart", async () => {
  const { sessions, url } = await openShop();
  const session = await sessions.create({ cart: { tea: 1 } });
  const headers = { cookie: session.cookieHeader ?? "" };

  const response = await fetch(`${url}/cart/cake`, { method: "POST", headers });

  expect(await response.json()).toEqual({ tea: 1, cake: 1 });
  const stored = await sessions.open(session.cookieHeader);
  expect(stored.data.cart).toEqual({ tea: 1, cake: 1 });
});

test("two weeks without a visit empty the cart", async () => {
  const { clock, sessions, url } = await openShop();
  const session = await sessions.create({ cart: { tea: 1 } });
  const headers = { cookie: session.cookieHeader ?? "" };

  clock.advance(14 * 24 * 60 * 60 * 1000);

  const response = await fetch(`${url}/cart`, { headers });
  expect(await response.json()).toEqual({});
});
