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

/** A cluster and how to log in. */
export interface RedisClusterEndpoint extends RedisTimeouts {
  readonly cluster: readonly { readonly host: string; readonly port: number }[];
  readonly tls: ConnectionOptions | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}
