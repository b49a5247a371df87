import type { Request } from "express";
import type { Board } from "./board.ts";

/** A kind of session. Both methods return the contents of the session after the write. */
export interface Racer {
  /** Reads the session, thinks, and writes one part of it. */
  writeNote(req: Request, slot: string): Promise<Board>;
  /** Reads the session, thinks, and adds one to a number in it. */
  countUp(req: Request): Promise<Board>;
  read(req: Request): Promise<Board>;
}
