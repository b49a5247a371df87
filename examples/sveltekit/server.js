import { createServer } from "node:http";

// The address is known once the server listens; SvelteKit compares the origin of forms with it.
const server = createServer();
server.listen(Number(process.env.PORT ?? 3000), async () => {
  process.env.ORIGIN ??= `http://localhost:${server.address().port}`;
  const { handler } = await import("./build/handler.js");
  server.on("request", handler);
  console.log(`The shop of SvelteKit is on ${process.env.ORIGIN}/`);
});
