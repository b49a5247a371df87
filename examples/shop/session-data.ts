import type { Board } from "./race/board.ts";

/** Session data of this shop. JSON values only. */
export interface ShopData {
  /** Quantities by product id. An object, so that additions of two tabs are merged. */
  cart?: Record<string, number>;
  /** The visitor's round on the page "Two tabs at once". */
  race?: Board & { id: string };
}
