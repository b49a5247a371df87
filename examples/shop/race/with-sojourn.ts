import type { Sessions } from "sojourn";
import type { ShopData } from "../session-data.ts";
import { type Board, think } from "./board.ts";
import type { Racer } from "./racer.ts";
import { roundOf } from "./round.ts";

/** The race on the session of this shop. */
export function withSojourn(sessions: Sessions<ShopData>): Racer {
  return {
    async writeNote(req, slot): Promise<Board> {
      const session = await sessions.from(req);
      await think();
      roundOf(session.data).notes[slot] = `written by request ${slot}`;
      await session.save(); // the response would do it, but here it has to report the saved session
      return roundOf(session.data);
    },

    async countUp(req): Promise<Board> {
      const session = await sessions.from(req);
      await think();
      await session.update((data) => roundOf(data).count++);
      return roundOf(session.data);
    },

    async read(req): Promise<Board> {
      const session = await sessions.from(req);
      return roundOf(session.data);
    },
  };
}
