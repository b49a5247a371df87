export { Deadline } from "../core/deadlines.ts";
export type { NodeRedisCluster } from "./clients/given-cluster-node.ts";
export type { IoredisClient, IoredisCluster } from "./clients/ioredis.ts";
export type { NodeRedisSentinel } from "./clients/given-node-redis-sentinel.ts";
export type { NodeRedisClient } from "./clients/given-node-redis.ts";
export type { RedisArgument, RedisReply, ReplyForm, ReplyString } from "./commands.ts";
export { RedisConnection } from "./connection.ts";
export type { Patience } from "./outstanding-command.ts";
export { RedisRegistry, type RedisSettings } from "./registry.ts";
export { RedisScript } from "./script.ts";
export type {
  RedisClientSettings,
  RedisClusterSettings,
  RedisConnectionSettings,
  RedisNodeAddressMap,
  RedisSentinelAddress,
  RedisSentinelSettings,
  RedisServerSettings,
  RedisSocketSettings,
  RedisUrlSettings,
} from "./settings.ts";
