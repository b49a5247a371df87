import type { ConnectionOptions } from "node:tls";

import type { Milliseconds } from "../core/clock.ts";

/** Time limits for a server. */
export interface RedisTimeouts {
  readonly connectTimeout: Milliseconds;
  readonly stallTimeout: Milliseconds;
}

/** A server and its login. */
export interface RedisEndpoint extends RedisTimeouts {
  readonly address:
    | { readonly host: string; readonly port: number; readonly tls: ConnectionOptions | undefined }
    | { readonly path: string };
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Host and port of a server. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Returns the real address of a server that others call by the given one, if it differs. */
export type NodeAddressMap = (address: string) => RedisAddress | undefined;

/** Returns `host:port`, as nodes of a cluster name each other. */
export function addressOf({ host, port }: RedisAddress): string {
  return `${host}:${port}`;
}

/** Inverse of {@link addressOf}. An IPv6 address has colons of its own. */
export function parseAddress(address: string): RedisAddress {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}

/** A master that sentinels watch, and the logins for it and for them. */
export interface RedisSentinelEndpoint extends Omit<RedisEndpoint, "address"> {
  readonly sentinels: readonly RedisAddress[];
  /** The master's name. */
  readonly name: string;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  /** For the servers and the sentinels. */
  readonly tls: ConnectionOptions | undefined;
  readonly nodeAddressMap: NodeAddressMap;
}

/** A cluster and its login. */
export interface RedisClusterEndpoint extends RedisTimeouts {
  readonly cluster: readonly RedisAddress[];
  readonly nodeAddressMap: NodeAddressMap;
  readonly tls: ConnectionOptions | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}
