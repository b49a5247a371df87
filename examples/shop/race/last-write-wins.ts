import type { Request } from "express";
import type { Sessions } from "sojourn";
import type { ShopData } from "../session-data.ts";
import { type Board, emptyBoard, think } from "./board.ts";
import type { Racer } from "./racer.ts";
import type { Records } from "./records.ts";
import { roundOf } from "./round.ts";

/**
 * The same race on a conventional session: reads the whole record, changes it, writes the whole
 * record back. Writes of other requests in between are lost.
 */
export function lastWriteWins(sessions: Sessions<ShopData>, records: Records): Racer {
  const idOf = async (req: Request): Promise<string> => roundOf((await sessions.from(req)).data).id;
  const load = async (id: string): Promise<Board> => {
    const text = await records.load(id);
    return text === undefined ? emptyBoard() : (JSON.parse(text) as Board);
  };
  const change = async (req: Request, edit: (board: Board) => void): Promise<Board> => {
    const id = await idOf(req);
    const board = await load(id);
    await think();
    edit(board);
    await records.save(id, JSON.stringify(board));
    return load(id);
  };

  return {
    writeNote: (req, slot) => change(req, ({ notes }) => void (notes[slot] = `written by request ${slot}`)),
    countUp: (req) => change(req, (board) => void board.count++),
    read: async (req) => load(await idOf(req)),
  };
}
