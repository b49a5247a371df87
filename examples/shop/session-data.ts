import type { Board } from "./race/board.ts";

/** What this shop keeps in a session. JSON values only. */
export interface ShopData {
  /** How many of each product, by its id. An object, so that two tabs that add different things both survive. */
  cart?: Record<string, number>;
  /** The visitor's round on the page "Two tabs at once". */
  race?: Board & { id: string };
}
