import type { ReactNode } from "react";
import { isRouteErrorResponse, Outlet, useMatches } from "react-router";
import { reactRouterSessions } from "sojourn/adapters/react-router";
import { explain } from "../../shared/errors.ts";
import { sessions, type Visitor } from "./sessions.server.ts";

export const middleware = [reactRouterSessions(sessions, { crossSite: "refuse" })];

interface PageData {
  readonly title?: string;
  readonly visitor?: Visitor;
}

/** The frame of all pages. The shop needs no JavaScript in the browser, so that there are no `Scripts`. */
export function Layout({ children }: { children: ReactNode }) {
  const data = useMatches().at(-1)?.loaderData as PageData | undefined;
  return (
    <html lang="en">
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${data?.title ?? "Shop"} · Sojourn shop`}</title>
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        <a className="skip" href="#main">
          Skip to the content
        </a>
        <header className="head">
          <a className="brand" href="/">
            <span>Sojourn</span>
          </a>
          <nav aria-label="Shop">
            <Navigation {...data?.visitor} />
          </nav>
        </header>
        <main id="main" tabIndex={-1}>
          {children}
        </main>
        <footer className="foot">
          <p>
            A pretend shop: nothing is sold. <a href="/about">About</a>
          </p>
        </footer>
      </body>
    </html>
  );
}

function Navigation({ count = 0, user }: Partial<Visitor>) {
  const items = [
    { href: "/", label: "Shop" },
    { href: "/cart", label: "Cart", count },
    user === undefined ? { href: "/login", label: "Log in" } : { href: "/account", label: "Account" },
  ];
  return (
    <ul className="nav">
      {items.map(({ href, label, count = 0 }) => (
        <li key={href}>
          <a href={href}>
            <span>{label}</span>
            {count > 0 && <span className="count">{count}</span>}
          </a>
        </li>
      ))}
    </ul>
  );
}

export default function Root() {
  return <Outlet />;
}

export function ErrorBoundary({ error }: { error: unknown }) {
  const { title, text } = explain(isRouteErrorResponse(error) ? { statusCode: error.status } : error);
  return (
    <div className="narrow">
      <h1>{title}</h1>
      <p className="lede">{text}</p>
      <p className="actions">
        <a className="button" href="/">
          To the shop
        </a>{" "}
        <a href="/cart">To your cart</a>
      </p>
    </div>
  );
}
