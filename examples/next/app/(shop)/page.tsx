import { formatPrice, products } from "../../../shared/products.ts";
import { AddToCart } from "../../components/add-to-cart.tsx";
import { Picture } from "../../components/picture.tsx";
import { getSession } from "../../sessions.ts";

export default async function ProductsPage() {
  const { data } = await getSession();
  return (
    <>
      <div className="intro">
        <h1>Six good things for a short stay</h1>
        <p className="lede">Fill the cart from two tabs at once: no product gets lost.</p>
      </div>
      <ul className="goods">
        {products.map((product) => (
          <li className="good" id={product.id} key={product.id}>
            <Picture product={product} />
            <div className="good-text">
              <h2>{product.name}</h2>
              <p className="price">{formatPrice(product.cents)}</p>
              <p className="line">{product.line}</p>
            </div>
            <AddToCart id={product.id} name={product.name} quantity={data.cart?.[product.id] ?? 0} />
          </li>
        ))}
      </ul>
    </>
  );
}
