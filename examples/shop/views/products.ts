import { type Product, products } from "../../shared/products.ts";
import type { ShopData } from "../session-data.ts";
import { html, type Html } from "../../shared/views/html.ts";
import { productCard } from "../../shared/views/parts.ts";
import { layout } from "./layout.ts";
import type { Visitor } from "./visitor.ts";

const description =
  "Six good things for a short stay, in a pretend shop whose cart can be filled from two tabs at once.";

export function productsPage(visitor: Visitor, { cart = {} }: ShopData): string {
  const main = html`<div class="intro">
      <h1>Six good things for a&nbsp;short&nbsp;stay</h1>
      <p class="lede">
        Fill the cart from two tabs at once: no product gets lost.
        <a href="/race">See it measured</a>
      </p>
    </div>
    <ul class="goods">
      ${products.map((product) => card(product, cart[product.id] ?? 0))}
    </ul>`;
  return layout({ title: "Shop", path: "/", visitor, main, description });
}

function card(product: Product, quantity: number): Html {
  const { id, name } = product;
  return productCard(
    product,
    html`<form method="post" action="/cart/${id}/add" data-swap>
      <button class="button quiet" id="add-${id}"><span class="unseen">${name}: </span>Add to cart</button>
      <p class="in-cart" id="count-${id}" data-live>${quantity > 0 && html`${quantity} in cart`}</p>
    </form>`,
  );
}
