import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createSojourn } from "sojourn";
import { nodeSessions } from "sojourn/adapters/node";
import { memorySessionStore } from "sojourn/stores/memory";
import { checkPort } from "./check.js";

const { sessions } = createSojourn<{ views?: number }>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const server = createServer(
  nodeSessions(sessions, async (req, res) => {
    const { data } = await sessions.from(req);
    data.views = (data.views ?? 0) + 1;
    // @ts-expect-error A number is no text.
    const wrong: string = data.views;
    res.end(`views: ${wrong}`);
  }),
);

server.listen(0, () => void checkPort((server.address() as AddressInfo).port));
