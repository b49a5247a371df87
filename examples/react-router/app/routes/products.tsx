import type { ReactRouterArgs } from "sojourn/adapters/react-router";
import { formatPrice, products } from "../../../shared/products.ts";
import { picture } from "../../../shared/views/pictures.ts";
import { Markup } from "../markup.tsx";
import { sessions, visitorOf } from "../sessions.server.ts";

export async function loader({ context }: ReactRouterArgs) {
  const session = await sessions.from(context);
  const { cart = {} } = session.data;
  const goods = products.map((product) => ({
    ...product,
    price: formatPrice(product.cents),
    picture: String(picture(product)),
    quantity: cart[product.id] ?? 0,
  }));
  return { goods, visitor: visitorOf(session) };
}

type Good = Awaited<ReturnType<typeof loader>>["goods"][number];

export default function Products({ loaderData }: { loaderData: { goods: Good[] } }) {
  return (
    <>
      <div className="intro">
        <h1>Six good things for a short stay</h1>
        <p className="lede">Fill the cart from two tabs at once: no product gets lost.</p>
      </div>
      <ul className="goods">
        {loaderData.goods.map((good) => (
          <ProductCard key={good.id} {...good} />
        ))}
      </ul>
    </>
  );
}

function ProductCard({ id, name, line, price, picture, quantity }: Good) {
  return (
    <li className="good" id={id}>
      <Markup html={picture} />
      <div className="good-text">
        <h2>{name}</h2>
        <p className="price">{price}</p>
        <p className="line">{line}</p>
      </div>
      <form method="post" action="/cart">
        <input type="hidden" name="product" value={id} />
        <input type="hidden" name="by" value="1" />
        <button className="button quiet" id={`add-${id}`}>
          <span className="unseen">{`${name}: `}</span>Add to cart
        </button>
        <p className="in-cart">{quantity > 0 && `${quantity} in cart`}</p>
      </form>
    </li>
  );
}
