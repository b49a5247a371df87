export {
  type CacheFastifyRateLimitStore,
  type FastifyRateLimitCallback,
  type FastifyRateLimitStoreClass,
  type FastifyRateLimitStoreOptions,
  fastifyRateLimitStore,
} from "./cache-fastify-rate-limit-store.ts";
