import { type CartLine, cartLines, cartTotal } from "../../shared/cart.ts";
import type { ShopData } from "../session-data.ts";
import { html, type Html } from "../../shared/views/html.ts";
import { cartLineView, ONE_LESS, ONE_MORE, totalView } from "../../shared/views/parts.ts";
import { layout } from "./layout.ts";
import type { Visitor } from "./visitor.ts";

export function cartPage(visitor: Visitor, data: ShopData): string {
  const main = html`<h1>Your cart</h1>
    <div class="columns">
      <div id="cart" data-live>${visitor.cartCount === 0 ? emptyCart : fullCart(visitor, data)}</div>
      ${secondTab}
    </div>`;
  return layout({ title: "Cart", path: "/cart", visitor, main });
}

const emptyCart = html`<p class="lede">There is nothing in it yet.</p>
  <p class="actions"><a class="button" href="/">To the shop</a></p>`;

function fullCart({ cartCount, user }: Visitor, data: ShopData): Html {
  return html`<ul class="lines">
      ${cartLines(data).map(cartLine)}
    </ul>
    ${totalView(cartCount, cartTotal(data))}
    ${user === undefined && html`<p class="aside"><a href="/login">Log in</a> and the cart comes with you.</p>`}`;
}

function cartLine({ product, quantity }: CartLine): Html {
  const { id, name } = product;
  return cartLineView(product, quantity, {
    less: step(`/cart/${id}/less`, `less-${id}`, ONE_LESS),
    more: step(`/cart/${id}/more`, `more-${id}`, ONE_MORE),
    remove: html`<form class="remove" method="post" action="/cart/${id}/remove" data-swap>
      <button class="link" id="remove-${id}">Remove<span class="unseen">: ${name}</span></button>
    </form>`,
  });
}

function step(action: string, id: string, label: Html): Html {
  return html`<form method="post" action="${action}" data-swap>
    <button class="step" id="${id}">${label}</button>
  </form>`;
}

const secondTab = html`<aside class="panel" aria-labelledby="second-tab">
  <h2 id="second-tab">Open this page in a second tab</h2>
  <p>
    Put them side by side and press the buttons in both. The two share one session: each follows the other,
    and neither undoes changes of the other.
  </p>
  <p class="actions">
    <a class="button quiet" href="/cart" target="_blank" rel="noopener">Open a second tab</a>
  </p>
  <noscript><p class="aside">JavaScript is off: reload a tab to see the changes of the other.</p></noscript>
  <p class="pulse" id="pulse"><span class="dot" aria-hidden="true"></span><span id="pulse-text"></span></p>
</aside>`;
