import { createClient } from "@redis/client";

/** Store of the last-write-wins session, of the same kind as that of the shop's own sessions. */
export interface Records {
  load(id: string): Promise<string | undefined>;
  save(id: string, text: string): Promise<void>;
  close(): Promise<void>;
}

const MAX_RECORDS = 1000;
const TTL_SECONDS = 3600;

export function recordsInMemory(): Records {
  const records = new Map<string, string>();
  return {
    load: (id) => Promise.resolve(records.get(id)),
    save(id, text) {
      records.set(id, text);
      const [oldest] = records.keys();
      if (records.size > MAX_RECORDS && oldest !== undefined) records.delete(oldest);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

export function recordsInRedis(url: string): Records {
  const client = createClient({
    url,
    socket: { connectTimeout: 1000, reconnectStrategy: false },
    commandOptions: { timeout: 1000 },
  });
  // Each command reports its own failure; without a listener, a lost connection would end the
  // process.
  client.on("error", () => {});
  let opening: Promise<unknown> | undefined;
  const open = async (): Promise<void> => {
    if (client.isReady) return;
    opening ??= client.connect().finally(() => (opening = undefined));
    await opening;
  };
  const keyOf = (id: string): string => `sojourn-shop:last-write-wins:${id}`;
  return {
    async load(id) {
      await open();
      return (await client.get(keyOf(id))) ?? undefined;
    },
    async save(id, text) {
      await open();
      await client.set(keyOf(id), text, { expiration: { type: "EX", value: TTL_SECONDS } });
    },
    close() {
      if (client.isOpen) client.destroy();
      return Promise.resolve();
    },
  };
}
