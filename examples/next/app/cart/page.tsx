import Link from "next/link";
import { type CartLine, cartCount, cartLines, cartTotal, countedThings } from "../../../shop/cart.ts";
import { formatPrice } from "../../../shop/products.ts";
import { changeQuantity } from "../../actions.ts";
import { Picture } from "../../components/picture.tsx";
import { getSession } from "../../sessions.ts";

export default async function CartPage() {
  const { data } = await getSession();
  const count = cartCount(data);
  if (count === 0) {
    return (
      <>
        <h1>Your cart</h1>
        <p className="lede">There is nothing in it yet.</p>
        <p className="actions">
          <Link className="button" href="/">
            To the shop
          </Link>
        </p>
      </>
    );
  }
  return (
    <>
      <h1>Your cart</h1>
      <ul className="lines">
        {cartLines(data).map((line) => (
          <Line key={line.product.id} {...line} />
        ))}
      </ul>
      <p className="total">
        <span>{countedThings(count)}</span>
        <strong>{formatPrice(cartTotal(data))}</strong>
      </p>
    </>
  );
}

function Line({ product, quantity }: CartLine) {
  const { id, name, cents } = product;
  return (
    <li className="cart-line">
      <Picture product={product} />
      <div className="cart-line-text">
        <h2>{name}</h2>
        <p className="line">{formatPrice(cents)} each</p>
      </div>
      <p className="price">{formatPrice(quantity * cents)}</p>
      <div className="stepper" role="group" aria-label={`How many: ${name}`}>
        <form action={changeQuantity.bind(null, id, -1)}>
          <button className="step" id={`less-${id}`} aria-label="One less">
            −
          </button>
        </form>
        <span className="quantity" id={`quantity-${id}`}>
          {quantity}
        </span>
        <form action={changeQuantity.bind(null, id, 1)}>
          <button className="step" id={`more-${id}`} aria-label="One more">
            +
          </button>
        </form>
      </div>
    </li>
  );
}
