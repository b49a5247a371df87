/** Session data of a shop. JSON values only. */
export interface ShopData {
  /** Quantities by product id. An object, so that additions of two tabs are merged. */
  cart?: Record<string, number>;
}
