import { html, type Html } from "./html.ts";

/** A page of a shop. */
export interface Page {
  readonly title: string;
  /** One sentence for search engines and previews. */
  readonly description?: string;
  /** The list of the navigation. */
  readonly nav: Html;
  readonly main: Html;
  readonly foot: Html;
  /** Paths of scripts. */
  readonly scripts?: readonly string[];
}

const DESCRIPTION = "A small pretend shop that keeps its carts and logins in Sojourn sessions.";

/** The frame that all shops have in common. */
export function layout({ title, description = DESCRIPTION, nav, main, foot, scripts = [] }: Page): string {
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
        ${scripts.map((script) => html`<script type="module" src="${script}"></script>`)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header class="head">
          <a class="brand" href="/">${mark}<span>Sojourn</span></a>
          <nav aria-label="Shop">${nav}</nav>
        </header>
        <main id="main" tabindex="-1">${main}</main>
        <p id="announcement" class="unseen" role="status"></p>
        <footer class="foot">${foot}</footer>
      </body>
    </html> `;
  return page.toString();
}

/** A link of the navigation, marked on its own page. */
export function link(href: string, label: string, path: string | undefined): Html {
  return html`<a href="${href}" ${current(href, path)}><span>${label}</span></a>`;
}

/** Marks the link of the page that is shown. */
export function current(href: string, path: string | undefined): Html | false {
  return href === path && html`aria-current="page"`;
}

// Two leaves of one page.
const mark = html`<svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
  <path d="M3 21V10a7 7 0 0 1 7-7h1v18z" fill="currentColor" />
  <path d="M13 21V3h1a7 7 0 0 1 7 7v11z" fill="currentColor" opacity=".45" />
</svg>`;
