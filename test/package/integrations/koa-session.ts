import { once } from "node:events";
import type { AddressInfo } from "node:net";
import Koa from "koa";
import session from "koa-session";
import { koaSessionSource, koaSessionStore } from "sojourn/integrations/koa-session";
import { cache } from "./cache.js";

const app = new Koa();
app.keys = ["a key"];
app.use(session({ store: koaSessionStore(cache) }, app));
app.use((context) => {
  const data = context["session"] as { views?: number };
  data.views = (data.views ?? 0) + 1;
  context.body = String(data.views);
});
const server = app.listen(0);
await once(server, "listening");
const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
const first = await fetch(origin);
const cookie = first.headers.getSetCookie().map((each) => each.split(";")[0]);
const second = await fetch(origin, { headers: { cookie: cookie.join("; ") } });
const works = (await second.text()) === "2" && typeof koaSessionSource({ keys: ["a key"] }) === "function";
process.stdout.write(`${works}\n`);
server.closeAllConnections();
server.close();
