import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequestListener } from "@react-router/node";
import * as build from "./build/server/index.js";

// The style sheet and the icon: the shop needs no JavaScript in the browser.
const client = new URL("build/client/", import.meta.url);
const assets = new Set(readdirSync(client).map((name) => `/${name}`));
const TYPES = { css: "text/css; charset=utf-8", svg: "image/svg+xml" };

const listener = createRequestListener({ build, mode: "production" });

const server = createServer(async (request, response) => {
  const type = TYPES[request.url.split(".").at(-1)];
  if (type === undefined || !assets.has(request.url)) return listener(request, response);
  response.setHeader("Content-Type", type).end(await readFile(new URL(request.url.slice(1), client)));
});
server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`The shop of React Router is on http://localhost:${server.address().port}/`);
});
