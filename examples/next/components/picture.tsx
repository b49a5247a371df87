import type { Product } from "../../shop/products.ts";
import { picture } from "../../shop/views/pictures.ts";

/** The drawing that all examples share. */
export function Picture({ product }: { product: Product }) {
  return <div dangerouslySetInnerHTML={{ __html: picture(product).toString() }} />;
}
