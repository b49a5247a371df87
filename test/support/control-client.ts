import { createClient } from "@redis/client";

import type { RedisServerSettings, RedisSocketSettings } from "../../src/redis/settings.ts";

/** A client of the tests' own, beside the one that is tested. */
export type ControlClient = ReturnType<typeof newControlClient>;

export function newControlClient(settings: RedisServerSettings | RedisSocketSettings) {
  const socket =
    "path" in settings
      ? ({ path: settings.path, tls: false, reconnectStrategy: false } as const)
      : {
          host: settings.host ?? "",
          port: settings.port ?? 0,
          reconnectStrategy: false as const,
          ...(typeof settings.tls === "object"
            ? { ...settings.tls, tls: true as const }
            : { tls: false as const }),
        };
  const login = settings.password === undefined ? {} : { password: settings.password };
  return createClient({
    RESP: 3,
    disableOfflineQueue: true,
    commandOptions: { timeout: 0 },
    socket,
    ...login,
  });
}
