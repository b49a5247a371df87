import { countedThings } from "../cart.ts";
import { html, type Html } from "./html.ts";
import type { Visitor } from "./visitor.ts";

export interface Page {
  readonly title: string;
  /** One sentence for search engines and previews. */
  readonly description?: string;
  /** Path of the page, to mark it in the navigation. */
  readonly path?: string;
  /** Without it the page shows nothing about the visitor. */
  readonly visitor?: Visitor;
  readonly main: Html;
  readonly script?: string;
}

const DESCRIPTION = "A small pretend shop that keeps its carts and logins in Sojourn sessions.";

/** A whole page. Regions with `data-live` are kept up to date by public/live.mjs. */
export function layout({ title, description = DESCRIPTION, path, visitor, main, script }: Page): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="description" content="${description}" />
        <meta name="color-scheme" content="light dark" />
        <title>${title} · Sojourn shop</title>
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/style.css" />
        <script type="module" src="/live.mjs"></script>
        ${script !== undefined && html`<script type="module" src="${script}"></script>`}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        ${header(path, visitor)}
        <main id="main" tabindex="-1">${notices(visitor)}${main}</main>
        <p id="announcement" class="unseen" role="status"></p>
        <footer class="foot">
          <p>
            A pretend shop: nothing is sold.
            ${visitor && html`Its sessions are <a href="/record">kept in ${visitor.store}</a> by Sojourn.`}
            <a href="/news">From the workshop</a>
          </p>
        </footer>
      </body>
    </html> `;
  return page.toString();
}

/** One-time notices. They stay unchanged until the visitor goes to another page. */
function notices(visitor: Visitor | undefined): Html | false {
  const messages = visitor?.notices ?? [];
  if (messages.length === 0) return false;
  return html`<div id="notices" class="notices" role="status">
    ${messages.map(({ message }) => html`<p>${message}</p>`)}
  </div>`;
}

function header(path: string | undefined, visitor: Visitor | undefined): Html {
  return html`<header class="head">
    <a class="brand" href="/">${mark}<span>Sojourn</span></a>
    <nav aria-label="Shop">
      <ul
        id="nav"
        class="nav"
        ${visitor && html`data-live data-visitor="${visitor.isNew ? "new" : "known"}"`}
      >
        <li class="wide">${link("/", "Shop", path)}</li>
        <li>${link("/race", "Two tabs", path)}</li>
        <li>${cartLink(path, visitor)}</li>
        <li>${accountLink(path, visitor)}</li>
      </ul>
    </nav>
  </header>`;
}

function link(href: string, label: string, path: string | undefined): Html {
  return html`<a href="${href}" ${current(href, path)}><span>${label}</span></a>`;
}

function cartLink(path: string | undefined, visitor: Visitor | undefined): Html {
  const count = visitor?.cartCount ?? 0;
  if (count === 0) return link("/cart", "Cart", path);
  return html`<a
    id="cart-link"
    href="/cart"
    aria-label="Cart, ${countedThings(count)}"
    ${current("/cart", path)}
    ><span>Cart</span> <span class="count">${count}</span></a
  >`;
}

function accountLink(path: string | undefined, visitor: Visitor | undefined): Html {
  if (visitor === undefined) return link("/account", "Account", path);
  const name = visitor.user?.name.split(" ")[0];
  return name === undefined ? link("/login", "Log in", path) : link("/account", name, path);
}

function current(href: string, path: string | undefined): Html | false {
  return href === path && html`aria-current="page"`;
}

// Two leaves of one page.
const mark = html`<svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
  <path d="M3 21V10a7 7 0 0 1 7-7h1v18z" fill="currentColor" />
  <path d="M13 21V3h1a7 7 0 0 1 7 7v11z" fill="currentColor" opacity=".45" />
</svg>`;
