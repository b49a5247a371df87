import Link from "next/link";
import type { ReactNode } from "react";
import { cartCount, countedThings } from "../../../shared/cart.ts";
import { Frame } from "../../components/frame.tsx";
import { getSession } from "../../sessions.ts";

/** The pages that show the visitor's session. */
export default async function ShopLayout({ children }: { children: ReactNode }) {
  const { data, isAuthenticated } = await getSession();
  const count = cartCount(data);
  return (
    <Frame
      nav={
        <>
          <li>
            <Link href="/cart" id="cart-link" aria-label={`Cart, ${countedThings(count)}`}>
              <span>Cart</span> {count > 0 && <span className="count">{count}</span>}
            </Link>
          </li>
          <li>
            <Link href={isAuthenticated ? "/account" : "/login"} id="account-link">
              {isAuthenticated ? "Account" : "Log in"}
            </Link>
          </li>
        </>
      }
    >
      {children}
    </Frame>
  );
}
