export type { NodeRedisClient } from "./clients/given-node-redis.ts";
export type { RedisReply } from "./commands.ts";
export { RedisConnection } from "./connection.ts";
export { RedisRegistry, type RedisSettings } from "./registry.ts";
export { RedisScript } from "./script.ts";
export type {
  RedisClientSettings,
  RedisConnectionSettings,
  RedisServerSettings,
  RedisSocketSettings,
  RedisUrlSettings,
} from "./settings.ts";
