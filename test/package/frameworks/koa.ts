import Koa from "koa";
import type { AddressInfo } from "node:net";
import { createSojourn } from "sojourn";
import { koaSessions } from "sojourn/adapters/koa";
import { memorySessionStore } from "sojourn/stores/memory";
import { checkPort } from "./check.js";

const { sessions } = createSojourn<{ views?: number }>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const app = new Koa();
app.use(koaSessions(sessions)).use(async (ctx) => {
  const { data } = await ctx.session();
  data.views = (data.views ?? 0) + 1;
  // @ts-expect-error A number is no text.
  const wrong: string = data.views;
  ctx.body = `views: ${wrong}`;
});

const server = app.listen(0, () => void checkPort((server.address() as AddressInfo).port));
