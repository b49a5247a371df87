import type { Session } from "sojourn";
import { countedThings } from "../cart.ts";
import type { ShopData } from "../session-data.ts";
import { html, type Html } from "./html.ts";
import { layout } from "./layout.ts";
import type { Visitor } from "./visitor.ts";

export function accountPage(visitor: Visitor, session: Session<ShopData>): string {
  const main = html`<div class="narrow" id="account" data-live>
    <p class="eyebrow">Who am I</p>
    ${visitor.user === undefined ? stranger(visitor) : member(visitor.user.name, visitor, session)}
  </div>`;
  return layout({ title: "Who am I", path: "/account", visitor, main });
}

function stranger({ cartCount }: Visitor): Html {
  const cart = cartCount > 0 ? `, with ${countedThings(cartCount)} in the cart` : "";
  return html`<h1>A stranger so far</h1>
    <p class="lede">Nobody is logged in here${cart}.</p>
    <p class="actions"><a class="button" href="/login">Log in</a></p>`;
}

function member(name: string, { cartCount }: Visitor, { authenticatedAt, expiryDate }: Session<ShopData>): Html {
  return html`<h1>${name}</h1>
    <dl class="facts">
      <div>
        <dt>In the cart</dt>
        <dd>${cartCount === 0 ? "nothing yet" : html`<a href="/cart">${countedThings(cartCount)}</a>`}</dd>
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
      <button class="button">Log out</button>
    </form>
    <p class="aside">Logging out ends this session in every tab.</p>`;
}

const format = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

function time(date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${format.format(date)} UTC</time>`;
}
