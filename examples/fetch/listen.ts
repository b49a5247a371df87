type Handler = (request: Request, ...rest: unknown[]) => Promise<Response>;

/** The parts of Bun and Deno that are used here. */
interface Runtimes {
  readonly Bun?: { serve(options: { port: number; fetch: Handler }): { readonly port: number } };
  readonly Deno?: {
    serve(
      options: { port: number; onListen: (address: { readonly port: number }) => void },
      handler: Handler,
    ): unknown;
  };
}

/** Serves a handler by the server of Bun or Deno; on Node.js, which has none, by that of Hono. */
export async function listen(
  handler: Handler,
  port: number,
  onListen: (port: number, runtime: string) => void,
): Promise<void> {
  const { Bun, Deno } = globalThis as Runtimes;
  if (Bun) {
    onListen(Bun.serve({ port, fetch: handler }).port, "Bun");
  } else if (Deno) {
    Deno.serve({ port, onListen: (address) => onListen(address.port, "Deno") }, handler);
  } else {
    const { serve } = await import("@hono/node-server");
    serve({ fetch: handler, port }, (address) => onListen(address.port, "Node.js"));
  }
}
