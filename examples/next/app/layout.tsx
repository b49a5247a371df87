import type { Metadata } from "next";
import Link from "next/link";
import type { ReactNode } from "react";
import { cartCount, countedThings } from "../../shop/cart.ts";
import "../../shop/public/style.css";
import { findUser } from "../../shop/users.ts";
import { getSession } from "../sessions.ts";

export const metadata: Metadata = {
  title: "Sojourn shop",
  description: "A small pretend shop that keeps its carts and logins in Sojourn sessions.",
};

export default async function Layout({ children }: { children: ReactNode }) {
  const session = await getSession();
  const count = cartCount(session.data);
  const user = findUser(session.userId);
  return (
    <html lang="en">
      <body>
        <header className="head">
          <Link className="brand" href="/">
            <span>Sojourn</span>
          </Link>
          <nav aria-label="Shop">
            <ul id="nav" className="nav">
              <li>
                <Link href="/">Shop</Link>
              </li>
              <li>
                <Link href="/cart" id="cart-link" aria-label={`Cart, ${countedThings(count)}`}>
                  <span>Cart</span> {count > 0 && <span className="count">{count}</span>}
                </Link>
              </li>
              <li>
                <Link href={user ? "/account" : "/login"} id="account-link">
                  {user ? user.name.split(" ")[0] : "Log in"}
                </Link>
              </li>
            </ul>
          </nav>
        </header>
        <main id="main">{children}</main>
        <footer className="foot">
          <p>A pretend shop: nothing is sold.</p>
        </footer>
      </body>
    </html>
  );
}
