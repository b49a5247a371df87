import type { Product } from "../../shared/products.ts";
import { picture } from "../../shared/views/pictures.ts";

/** The drawing that all examples share. */
export function Picture({ product }: { product: Product }) {
  return <div dangerouslySetInnerHTML={{ __html: picture(product).toString() }} />;
}
