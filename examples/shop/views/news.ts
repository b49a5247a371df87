import { NEWS_KEPT, type News } from "../news.ts";
import { formatPrice } from "../../shared/products.ts";
import { html, type Html } from "../../shared/views/html.ts";
import { layout } from "./layout.ts";
import type { Visitor } from "./visitor.ts";

export function newsPage(visitor: Visitor, news: News): string {
  const main = html`<h1>From the workshop</h1>
    <p class="lede">
      How many different carts cost exactly what you have in your purse? The workshop counts them all, one by
      one.
    </p>
    <div class="columns">
      <dl class="facts tall" id="news" data-live>${news.purses.map(purse)}</dl>
      <aside class="panel" aria-labelledby="kept">
        <h2 id="kept">Counted once, read often</h2>
        <p>
          The first visitor starts the count. All others read it from the cache, for ${NEWS_KEPT} seconds;
          then it is counted again.
        </p>
        <div id="age" data-live>${age(news, visitor)}</div>
        <form class="actions" method="post" action="/news/anew" data-once>
          <button class="button quiet">Count again</button>
        </form>
      </aside>
    </div>`;
  return layout({ title: "From the workshop", path: "/news", visitor, main });
}

function purse({ cents, carts }: News["purses"][number]): Html {
  return html`<div>
    <dt>${formatPrice(cents)}</dt>
    <dd>${carts.toLocaleString("en")} <span class="line">different carts</span></dd>
  </div>`;
}

function age({ madeAt, took }: News, { store }: Visitor): Html {
  const seconds = Math.max(0, Math.floor((Date.now() - madeAt) / 1000));
  return html`<p class="score small">
      <span>made</span> <strong>${seconds}</strong> <span>${seconds === 1 ? "second" : "seconds"} ago</span>
    </p>
    <div class="bar" aria-hidden="true">
      <svg viewBox="0 0 ${NEWS_KEPT} 1" preserveAspectRatio="none">
        <rect width="${Math.min(seconds, NEWS_KEPT)}" height="1" />
      </svg>
    </div>
    <p class="aside">Kept in ${store} for ${NEWS_KEPT} seconds. Counting took ${took}&nbsp;ms.</p>`;
}
