import { data as respond, redirect } from "react-router";
import type { ReactRouterArgs } from "sojourn/adapters/react-router";
import { cartCount, cartLines, cartTotal, changeCart, countedThings } from "../../../shared/cart.ts";
import { BadForm, readChange } from "../../../shared/forms.ts";
import { formatPrice } from "../../../shared/products.ts";
import { picture } from "../../../shared/views/pictures.ts";
import { Markup } from "../markup.tsx";
import { sessions, visitorOf } from "../sessions.server.ts";

export async function loader({ context }: ReactRouterArgs) {
  const session = await sessions.from(context);
  const lines = cartLines(session.data).map(({ product, quantity }) => ({
    id: product.id,
    name: product.name,
    picture: String(picture(product)),
    each: formatPrice(product.cents),
    sum: formatPrice(quantity * product.cents),
    quantity,
  }));
  const total = { things: countedThings(cartCount(session.data)), sum: formatPrice(cartTotal(session.data)) };
  return { title: "Cart", lines, total, visitor: visitorOf(session) };
}

export async function action({ context, request }: ReactRouterArgs) {
  const { product, by } = await readForm(request);
  const session = await sessions.from(context);
  await session.update((data) => changeCart(data, product, by));
  return redirect("/cart", 303);
}

/** React Router takes the status of an error from `data`. */
async function readForm(request: Request) {
  try {
    return readChange(Object.fromEntries(await request.formData()));
  } catch (failure) {
    if (failure instanceof BadForm) throw respond(failure.message, failure.statusCode);
    throw failure;
  }
}

type Cart = Awaited<ReturnType<typeof loader>>;
type Line = Cart["lines"][number];

export default function Page({ loaderData: { lines, total } }: { loaderData: Cart }) {
  if (lines.length === 0) {
    return (
      <>
        <h1>Your cart</h1>
        <p className="lede">There is nothing in it yet.</p>
      </>
    );
  }
  return (
    <>
      <h1>Your cart</h1>
      <ul className="lines">
        {lines.map((line) => (
          <CartLine key={line.id} {...line} />
        ))}
      </ul>
      <p className="total">
        <span>{total.things}</span> <strong>{total.sum}</strong>
      </p>
    </>
  );
}

function CartLine({ id, name, picture, each, sum, quantity }: Line) {
  return (
    <li className="cart-line">
      <Markup html={picture} />
      <div className="cart-line-text">
        <h2>{name}</h2>
        <p className="line">{`${each} each`}</p>
      </div>
      <p className="price">{sum}</p>
      <div className="stepper" role="group" aria-label={`How many: ${name}`}>
        <Step product={id} name="less" by={-1} sign="−" label="One less" />
        <span className="quantity">
          <span className="unseen">In the cart: </span>
          <span id={`quantity-${id}`}>{quantity}</span>
        </span>
        <Step product={id} name="more" by={1} sign="+" label="One more" />
      </div>
    </li>
  );
}

interface StepProps {
  readonly product: string;
  readonly name: string;
  readonly by: number;
  readonly sign: string;
  readonly label: string;
}

function Step({ product, name, by, sign, label }: StepProps) {
  return (
    <form method="post" action="/cart">
      <input type="hidden" name="product" value={product} />
      <input type="hidden" name="by" value={by} />
      <button className="step" id={`${name}-${product}`}>
        <span aria-hidden="true">{sign}</span>
        <span className="unseen">{label}</span>
      </button>
    </form>
  );
}
