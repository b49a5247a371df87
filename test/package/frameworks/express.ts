import type { AddressInfo } from "node:net";
import express from "express";
import { createSojourn } from "sojourn";
import { expressSessions, type WithSession } from "sojourn/adapters/express";
import { memorySessionStore } from "sojourn/stores/memory";
import { checkPort } from "./check.js";

interface Visitor {
  views?: number;
}

const { sessions } = createSojourn<Visitor>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const app = express();
app.use(expressSessions(sessions, { eager: true }));
app.get("/", (req, res) => {
  const { data } = (req as WithSession<typeof req, Visitor>).session;
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  res.send(`views: ${wrong}`);
});

const server = app.listen(0, () => void checkPort((server.address() as AddressInfo).port));
