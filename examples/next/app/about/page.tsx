import Link from "next/link";
import { Frame } from "../../components/frame.tsx";

/** The same page for all visitors, which needs no session. */
export default function AboutPage() {
  return (
    <Frame
      nav={
        <li>
          <Link href="/cart">Cart</Link>
        </li>
      }
    >
      <div className="narrow">
        <h1>About the shop</h1>
        <p className="lede">A pretend shop: nothing is sold.</p>
      </div>
    </Frame>
  );
}
