import type { Request } from "express";
import type { Board } from "./board.ts";

/** A way to keep a session. Both answer with what the session holds once the request has written. */
export interface Racer {
  /** Reads the session, thinks, and writes one part of it. */
  writeNote(req: Request, slot: string): Promise<Board>;
  /** Reads the session, thinks, and adds one to a number in it. */
  countUp(req: Request): Promise<Board>;
  read(req: Request): Promise<Board>;
}
