import { type CartLine, cartCount, cartLines, cartTotal, countedThings } from "../../../../shared/cart.ts";
import { formatPrice } from "../../../../shared/products.ts";
import { changeQuantity } from "../../../actions.ts";
import { ChangeFields } from "../../../components/change-fields.tsx";
import { Picture } from "../../../components/picture.tsx";
import { getSession } from "../../../sessions.ts";

export default async function CartPage() {
  const { data } = await getSession();
  const count = cartCount(data);
  return (
    <>
      <h1>Your cart</h1>
      {count === 0 && <p className="lede">There is nothing in it yet.</p>}
      <ul className="lines">
        {cartLines(data).map((line) => (
          <Line key={line.product.id} {...line} />
        ))}
      </ul>
      {count > 0 && (
        <p className="total">
          <span>{countedThings(count)}</span>
          <strong>{formatPrice(cartTotal(data))}</strong>
        </p>
      )}
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
        <form action={changeQuantity}>
          <ChangeFields id={id} by={-1} />
          <button className="step" id={`less-${id}`} aria-label="One less">
            −
          </button>
        </form>
        <span className="quantity" id={`quantity-${id}`}>
          {quantity}
        </span>
        <form action={changeQuantity}>
          <ChangeFields id={id} by={1} />
          <button className="step" id={`more-${id}`} aria-label="One more">
            +
          </button>
        </form>
      </div>
    </li>
  );
}
