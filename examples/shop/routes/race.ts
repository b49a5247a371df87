import { randomUUID } from "node:crypto";
import { type Request, Router } from "express";
import type { Sessions } from "sojourn";
import { type Board, emptyBoard, SLOTS } from "../race/board.ts";
import type { Racer } from "../race/racer.ts";
import type { ShopData } from "../session-data.ts";
import { racePage } from "../views/race.ts";
import { visitOf } from "../views/visitor.ts";

export function racePages(sessions: Sessions<ShopData>, racers: Readonly<Record<string, Racer>>): Router {
  const router = Router();
  let answers = 0;

  /** The responses are numbered, since they may arrive out of order. */
  const reportOf = ({ notes, count }: Board): object => ({
    answer: ++answers,
    notes: Object.keys(notes),
    count,
  });

  router.get("/race", async (req, res) => {
    const { visitor } = await visitOf(req, sessions);
    res.send(racePage(visitor));
  });

  router.post("/race/rounds", async (req, res) => {
    const session = await sessions.from(req);
    await session.update((data) => {
      data.race = { id: randomUUID(), ...emptyBoard() };
    });
    res.sendStatus(204);
  });

  router.post("/race/:racer/notes/:slot", async (req, res) => {
    res.json(reportOf(await racerOf(req, racers).writeNote(req, slotOf(req))));
  });

  router.post("/race/:racer/count", async (req, res) => {
    res.json(reportOf(await racerOf(req, racers).countUp(req)));
  });

  router.get("/race/:racer", async (req, res) => {
    res.json(reportOf(await racerOf(req, racers).read(req)));
  });

  return router;
}

function racerOf(req: Request, racers: Readonly<Record<string, Racer>>): Racer {
  const name = String(req.params["racer"]);
  const racer = Object.hasOwn(racers, name) ? racers[name] : undefined;
  if (racer === undefined) throw Object.assign(new Error("There is no such racer."), { statusCode: 404 });
  return racer;
}

function slotOf(req: Request): string {
  const slot = Number(req.params["slot"]);
  if (Number.isInteger(slot) && slot >= 1 && slot <= SLOTS) return String(slot);
  throw Object.assign(new Error("There is no such note."), { statusCode: 404 });
}
