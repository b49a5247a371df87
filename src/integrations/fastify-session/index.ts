export {
  type CookieSigner,
  fastifySessionSource,
  type FastifySessionSourceOptions,
} from "./fastify-session-source.ts";
export {
  type FastifySessionStore,
  fastifySessionStore,
  type FastifySessionStoreOptions,
} from "./fastify-session-store.ts";
export type { SessionSerializer, SessionSourceOptions, SourceCookieOptions } from "../session-source.ts";
