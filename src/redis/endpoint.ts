import type { ConnectionOptions } from "node:tls";

import type { Milliseconds } from "../core/clock.ts";

/** How long to wait for a server. */
export interface RedisTimeouts {
  readonly connectTimeout: Milliseconds;
  readonly stallTimeout: Milliseconds;
}

/** A server and how to log in. */
export interface RedisEndpoint extends RedisTimeouts {
  readonly address:
    | { readonly host: string; readonly port: number; readonly tls: ConnectionOptions | undefined }
    | { readonly path: string };
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** Where a server is. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Where the server is that others call by an address, if it is somewhere else. */
export type NodeAddressMap = (address: string) => RedisAddress | undefined;

/** `host:port`, as nodes of a cluster name each other. */
export function addressOf({ host, port }: RedisAddress): string {
  return `${host}:${port}`;
}

/** The way back from {@link addressOf}. An IPv6 address has colons of its own. */
export function parseAddress(address: string): RedisAddress {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}

/** A master that sentinels watch, and how to log in to it and to them. */
export interface RedisSentinelEndpoint extends Omit<RedisEndpoint, "address"> {
  readonly sentinels: readonly RedisAddress[];
  /** The master's name. */
  readonly name: string;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  /** Of the servers and of the sentinels. */
  readonly tls: ConnectionOptions | undefined;
  readonly nodeAddressMap: NodeAddressMap;
}

/** A cluster and how to log in. */
export interface RedisClusterEndpoint extends RedisTimeouts {
  readonly cluster: readonly RedisAddress[];
  readonly nodeAddressMap: NodeAddressMap;
  readonly tls: ConnectionOptions | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}
