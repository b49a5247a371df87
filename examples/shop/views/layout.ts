import { html, type Html } from "../../shared/views/html.ts";
import { layout as frame, link } from "../../shared/views/layout.ts";
import { cartLink } from "../../shared/views/parts.ts";
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

/** A whole page. Regions with `data-live` are kept up to date by public/live.mjs. */
export function layout({ path, visitor, main, script, ...page }: Page): string {
  return frame({
    ...page,
    nav: nav(path, visitor),
    main: html`${notices(visitor)}${main}`,
    foot: foot(visitor),
    scripts: script === undefined ? ["/live.mjs"] : ["/live.mjs", script],
  });
}

/** One-time notices. They stay unchanged until the visitor goes to another page. */
function notices(visitor: Visitor | undefined): Html | false {
  const messages = visitor?.notices ?? [];
  if (messages.length === 0) return false;
  return html`<div id="notices" class="notices" role="status">
    ${messages.map(({ message }) => html`<p>${message}</p>`)}
  </div>`;
}

function nav(path: string | undefined, visitor: Visitor | undefined): Html {
  return html`<ul
    id="nav"
    class="nav"
    ${visitor && html`data-live data-visitor="${visitor.isNew ? "new" : "known"}"`}
  >
    <li class="wide">${link("/", "Shop", path)}</li>
    <li>${link("/race", "Two tabs", path)}</li>
    <li>${cartLink(visitor?.cartCount ?? 0, path)}</li>
    <li>${accountLink(path, visitor)}</li>
  </ul>`;
}

function accountLink(path: string | undefined, visitor: Visitor | undefined): Html {
  if (visitor === undefined) return link("/account", "Account", path);
  const name = visitor.user?.name.split(" ")[0];
  return name === undefined ? link("/login", "Log in", path) : link("/account", name, path);
}

function foot(visitor: Visitor | undefined): Html {
  return html`<p>
    A pretend shop: nothing is sold.
    ${visitor && html`Its sessions are <a href="/record">kept in ${visitor.store}</a> by Sojourn.`}
    <a href="/news">From the workshop</a>
  </p>`;
}
