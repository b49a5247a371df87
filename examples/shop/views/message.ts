import { html } from "./html.ts";
import { layout } from "./layout.ts";

/** A page with a single message, which does not use the session. */
export function messagePage({ title, text }: { title: string; text: string }): string {
  const main = html`<div class="narrow">
    <h1>${title}</h1>
    <p class="lede">${text}</p>
    <p class="actions"><a class="button" href="/">To the shop</a> <a href="/cart">To your cart</a></p>
  </div>`;
  return layout({ title, main });
}
