export {
  type CacheFastifyRateLimitStore,
  type FastifyRateLimitCallback,
  type FastifyRateLimitStoreClass,
  type FastifyRatePrefixOption,
  fastifyRateLimitStore,
} from "./cache-fastify-rate-limit-store.ts";
