type Handler = (request: Request) => Promise<Response>;
const handle: Handler = (request) =>
  (globalThis as unknown as { sojournConformance: Handler }).sojournConformance(request);
export const GET = handle;
export const POST = handle;
