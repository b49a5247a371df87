import Link from "next/link";
import type { ReactNode } from "react";

/** The frame of all pages. */
export function Frame({ nav, children }: { nav: ReactNode; children: ReactNode }) {
  return (
    <>
      <header className="head">
        <Link className="brand" href="/">
          <span>Sojourn</span>
        </Link>
        <nav aria-label="Shop">
          <ul className="nav">
            <li>
              <Link href="/">Shop</Link>
            </li>
            {nav}
          </ul>
        </nav>
      </header>
      <main id="main">{children}</main>
      <footer className="foot">
        <p>
          A pretend shop: nothing is sold. <Link href="/about">About</Link>
        </p>
      </footer>
    </>
  );
}
