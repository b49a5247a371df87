import type { ShopData as SharedData } from "../shared/session-data.ts";
import type { Board } from "./race/board.ts";

/** Session data of this shop. JSON values only. */
export interface ShopData extends SharedData {
  /** The visitor's round on the page "Two tabs at once". */
  race?: Board & { id: string };
}
