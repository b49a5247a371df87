import type { Session, UserSession } from "sojourn";
import { cartCount, cartLines, cartTotal, countedThings } from "../cart.ts";
import { type Failure } from "../errors.ts";
import { type Product, products } from "../products.ts";
import type { ShopData } from "../session-data.ts";
import { findUser, type User } from "../users.ts";
import { html, type Html } from "./html.ts";
import { layout, link } from "./layout.ts";
import {
  cartLink,
  cartLineView,
  loginMain,
  type LoginState,
  messageMain,
  ONE_LESS,
  ONE_MORE,
  productCard,
  totalView,
} from "./parts.ts";
import { time } from "./time.ts";

/** The part of a session that the pages show. */
export type Visitor = Pick<Session<ShopData>, "userId" | "data">;

/** `/` */
export function productsPage(visitor: Visitor): string {
  const { cart = {} } = visitor.data;
  const main = html`<div class="intro">
      <h1>Six good things for a&nbsp;short&nbsp;stay</h1>
      <p class="lede">Fill the cart from two tabs at once: no product gets lost.</p>
    </div>
    <ul class="goods">
      ${products.map((product) => productCard(product, addForm(product, cart[product.id] ?? 0)))}
    </ul>`;
  return page({ title: "Shop", path: "/", visitor, main });
}

function addForm({ id, name }: Product, quantity: number): Html {
  return html`<form method="post" action="/cart">
    <input type="hidden" name="product" value="${id}" />
    <input type="hidden" name="by" value="1" />
    <button class="button quiet" id="add-${id}"><span class="unseen">${name}: </span>Add to cart</button>
    <p class="in-cart">${quantity > 0 && html`${quantity} in cart`}</p>
  </form>`;
}

/** `/cart` */
export function cartPage(visitor: Visitor): string {
  const { data } = visitor;
  const main = html`<h1>Your cart</h1>
    ${
      cartCount(data) === 0
        ? html`<p class="lede">There is nothing in it yet.</p>`
        : html`<ul class="lines">
              ${cartLines(data).map(({ product, quantity }) =>
                cartLineView(product, quantity, {
                  less: stepForm(product, "less", -1, ONE_LESS),
                  more: stepForm(product, "more", 1, ONE_MORE),
                }),
              )}
            </ul>
            ${totalView(cartCount(data), cartTotal(data))}`
    }`;
  return page({ title: "Cart", path: "/cart", visitor, main });
}

function stepForm({ id }: Product, name: string, by: number, label: Html): Html {
  return html`<form method="post" action="/cart">
    <input type="hidden" name="product" value="${id}" />
    <input type="hidden" name="by" value="${by}" />
    <button class="step" id="${name}-${id}">${label}</button>
  </form>`;
}

/** `/login`, also after a login that has failed. */
export function loginPage(visitor: Visitor, state?: LoginState): string {
  const main = loginMain(cartCount(visitor.data), state);
  return page({ title: "Log in", path: "/login", visitor, main });
}

/** `/account` */
export function accountPage(visitor: Visitor, devices: readonly UserSession[]): string {
  const user = findUser(visitor.userId);
  const main = user === undefined ? stranger : member(user, visitor.data, devices);
  return page({ title: "Who am I", path: "/account", visitor, main });
}

const stranger = html`<h1>A stranger so far</h1>
  <p class="lede">You are not logged in.</p>
  <p class="actions"><a class="button" href="/login">Log in</a></p>`;

function member({ name }: User, data: ShopData, devices: readonly UserSession[]): Html {
  return html`<h1 id="user">${name}</h1>
    <p class="lede">In the cart: ${countedThings(cartCount(data))}</p>
    <section class="panel" aria-labelledby="devices-title">
      <h2 id="devices-title">My devices</h2>
      <ul class="devices">
        ${devices.map(device)}
      </ul>
    </section>
    <div class="actions">
      <form method="post" action="/logout"><button class="button" id="log-out">Log out</button></form>
      <form method="post" action="/logout-everywhere">
        <button class="button quiet" id="log-out-everywhere">Log out everywhere</button>
      </form>
    </div>`;
}

function device({ device: label = "Unknown device", lastSeenAt, isCurrent }: UserSession): Html {
  return html`<li class="device">
    <h3>${label} ${isCurrent && html`<span class="badge">this one</span>`}</h3>
    <p class="line">last seen ${time(lastSeenAt)}</p>
  </li>`;
}

/** `/about`: the same page for all visitors, for which no session is needed. */
export function aboutPage(): string {
  return messagePage({ title: "About the shop", text: "A pretend shop: nothing is sold." });
}

/** A page with a single message, which does not use the session. */
export function messagePage({ title, text }: Pick<Failure, "title" | "text">): string {
  return page({ title, main: messageMain({ title, text }) });
}

interface ShopPage {
  readonly title: string;
  readonly path?: string;
  readonly visitor?: Visitor;
  readonly main: Html;
}

function page({ title, path, visitor, main }: ShopPage): string {
  const user = findUser(visitor?.userId);
  const nav = html`<ul class="nav">
    <li>${link("/", "Shop", path)}</li>
    <li>${cartLink(visitor === undefined ? 0 : cartCount(visitor.data), path)}</li>
    <li>
      ${visitor !== undefined && user === undefined ? link("/login", "Log in", path) : link("/account", "Account", path)}
    </li>
  </ul>`;
  const foot = html`<p>A pretend shop: nothing is sold. <a href="/about">About</a></p>`;
  return layout({ title, nav, main, foot });
}
