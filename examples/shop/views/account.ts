import type { Session, UserSession } from "sojourn";
import { countedThings } from "../../shared/cart.ts";
import type { ShopData } from "../session-data.ts";
import type { User } from "../../shared/users.ts";
import { html, type Html } from "../../shared/views/html.ts";
import { layout } from "./layout.ts";
import { time } from "../../shared/views/time.ts";
import type { Visitor } from "./visitor.ts";

export function accountPage(
  visitor: Visitor,
  session: Session<ShopData>,
  devices: readonly UserSession[],
): string {
  const { user } = visitor;
  const main = html`<div id="account" data-live>
    <p class="eyebrow">Who am I</p>
    ${user === undefined ? stranger(visitor) : member(user, visitor, session, devices)}
  </div>`;
  return layout({ title: "Who am I", path: "/account", visitor, main });
}

function stranger({ cartCount }: Visitor): Html {
  const cart = cartCount > 0 ? `, with ${countedThings(cartCount)} in the cart` : "";
  return html`<h1>A stranger so far</h1>
    <p class="lede">You are not logged in${cart}.</p>
    <p class="actions"><a class="button" href="/login">Log in</a></p>`;
}

function member(
  { name }: User,
  { cartCount }: Visitor,
  { authenticatedAt, expiryDate }: Session<ShopData>,
  devices: readonly UserSession[],
): Html {
  return html`<h1>${name}</h1>
    <div class="halves">
      <div>
        <dl class="facts">
          <div>
            <dt>In the cart</dt>
            <dd>
              ${cartCount === 0 ? "nothing yet" : html`<a href="/cart">${countedThings(cartCount)}</a>`}
            </dd>
          </div>
          <div>
            <dt>Here since</dt>
            <dd>${authenticatedAt && time(authenticatedAt)}</dd>
          </div>
          <div>
            <dt>Forgotten after</dt>
            <dd>${time(expiryDate)}<br /><span class="line">unless you come back before</span></dd>
          </div>
        </dl>
        <form class="actions" method="post" action="/logout" data-once>
          <button class="button" id="logout">Log out</button>
        </form>
        <p class="aside">
          Logging out ends this session in every tab. <a href="/record">See its record in the store</a>
        </p>
      </div>
      ${deviceList(devices)}
    </div>`;
}

function deviceList(devices: readonly UserSession[]): Html {
  const hasOthers = devices.some(({ isCurrent }) => !isCurrent);
  return html`<section class="panel" aria-labelledby="devices-title">
    <h2 id="devices-title">My devices</h2>
    <p>Every browser in which you are logged in. A logout here takes effect at once.</p>
    <ul class="devices" id="devices">
      ${devices.map(deviceLine)}
    </ul>
    <div class="actions">
      ${hasOthers && endForm("/devices/logout-others", "end-others", "Log out all others")}
      ${endForm("/devices/logout-all", "end-all", "Log out everywhere")}
    </div>
  </section>`;
}

function deviceLine({ ref, device = "Unknown device", createdAt, lastSeenAt, isCurrent }: UserSession): Html {
  return html`<li class="device">
    <h3>${device} ${isCurrent && html`<span class="badge">this one</span>`}</h3>
    <p class="line">since ${time(createdAt)}<br />last seen ${time(lastSeenAt)}</p>
    ${
      !isCurrent &&
      html`<form method="post" action="/devices/${ref}/logout" data-once>
        <button class="link" id="end-${ref}">Log out this one<span class="unseen">: ${device}</span></button>
      </form>`
    }
  </li>`;
}

function endForm(action: string, id: string, label: string): Html {
  return html`<form method="post" action="${action}" data-once>
    <button class="button quiet" id="${id}">${label}</button>
  </form>`;
}
