import { countedThings } from "../cart.ts";
import { formatPrice, type Product } from "../products.ts";
import { type User, users } from "../users.ts";
import { html, type Html, type Part } from "./html.ts";
import { current, link } from "./layout.ts";
import { picture } from "./pictures.ts";

/** Leads to the cart, and counts its things. */
export function cartLink(count: number, path: string | undefined): Html {
  if (count === 0) return link("/cart", "Cart", path);
  return html`<a
    id="cart-link"
    href="/cart"
    aria-label="Cart, ${countedThings(count)}"
    ${current("/cart", path)}
    ><span>Cart</span> <span class="count">${count}</span></a
  >`;
}

/** A product with the form that adds it to the cart. */
export function productCard(product: Product, form: Html): Html {
  const { id, name, line, cents } = product;
  return html`<li class="good" id="${id}">
    ${picture(product)}
    <div class="good-text">
      <h2>${name}</h2>
      <p class="price">${formatPrice(cents)}</p>
      <p class="line">${line}</p>
    </div>
    ${form}
  </li>`;
}

/** A product in the cart, with the forms that change how many there are. */
export function cartLineView(
  { name, cents, ...product }: Product,
  quantity: number,
  forms: { readonly less: Html; readonly more: Html; readonly remove?: Html },
): Html {
  return html`<li class="cart-line">
    ${picture({ name, cents, ...product })}
    <div class="cart-line-text">
      <h2>${name}</h2>
      <p class="line">${formatPrice(cents)} each</p>
    </div>
    <p class="price">${formatPrice(quantity * cents)}</p>
    <div class="stepper" role="group" aria-label="How many: ${name}">
      ${forms.less}
      <span class="quantity"
        ><span class="unseen">In the cart: </span><span id="quantity-${product.id}">${quantity}</span></span
      >
      ${forms.more}
    </div>
    ${forms.remove}
  </li>`;
}

/** The labels of the buttons beside a quantity. */
export const ONE_LESS: Html = html`<span aria-hidden="true">−</span><span class="unseen">One less</span>`;
export const ONE_MORE: Html = html`<span aria-hidden="true">+</span><span class="unseen">One more</span>`;

/** The sum under a cart. */
export function totalView(count: number, cents: number): Html {
  return html`<p class="total">
    <span>${countedThings(count)}</span> <strong>${formatPrice(cents)}</strong>
  </p>`;
}

export interface LoginState {
  /** The name with which a login has just failed. */
  readonly failedLogin?: string;
}

/** The main part of the login page. */
export function loginMain(cartCount: number, { failedLogin }: LoginState = {}): Html {
  const hasFailed = failedLogin !== undefined;
  const [demo] = users;
  return html`<h1>Log in</h1>
    <p class="lede">
      ${cartCount > 0 ? "Your cart stays as it is." : "A name and a password are filled in for you."}
    </p>
    <div class="columns">
      <div>
        ${hasFailed && html`<p class="alert" id="login-error" role="alert">${LOGIN_FAILED}</p>`}
        <form class="fields" method="post" action="/login" data-once>
          ${nameField(hasFailed ? failedLogin : demo?.login, hasFailed)}
          ${passwordField(hasFailed ? "" : demo?.demoPassword, hasFailed)}
          <button class="button" id="log-in">Log in</button>
        </form>
      </div>
      <aside class="panel" aria-labelledby="people">
        <h2 id="people">Users</h2>
        <table class="people">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Password</th>
            </tr>
          </thead>
          <tbody>
            ${users.map(person)}
          </tbody>
        </table>
      </aside>
    </div>`;
}

export const LOGIN_FAILED = "This name and this password do not match.";

function nameField(value: Part, isWrong: boolean): Html {
  return html`<label for="login">Name</label>
    <input
      id="login"
      name="login"
      autocomplete="username"
      autocapitalize="none"
      spellcheck="false"
      required
      maxlength="100"
      value="${value}"
      ${isWrong && wrong}
    />`;
}

function passwordField(value: Part, isWrong: boolean): Html {
  return html`<label for="password">Password</label>
    <input
      id="password"
      name="password"
      type="password"
      autocomplete="current-password"
      required
      maxlength="200"
      value="${value}"
      ${isWrong && html`${wrong} autofocus`}
    />`;
}

const wrong = html`aria-invalid="true" aria-describedby="login-error"`;

function person({ login, demoPassword }: User): Html {
  return html`<tr>
    <td>${login}</td>
    <td>${demoPassword}</td>
  </tr>`;
}

/** The main part of a page with a single message. */
export function messageMain({ title, text }: { readonly title: string; readonly text: string }): Html {
  return html`<div class="narrow">
    <h1>${title}</h1>
    <p class="lede">${text}</p>
    <p class="actions"><a class="button" href="/">To the shop</a> <a href="/cart">To your cart</a></p>
  </div>`;
}
