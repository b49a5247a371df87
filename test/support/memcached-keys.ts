import { connect } from "node:net";
import type { SessionKey } from "../../src/core/ids.ts";
import type { SessionStore, SessionStoreFactory } from "../../src/stores/session-store.ts";

/**
 * Lists the keys of a quiet server, as its crawler dumps them. It misses an item that moves meanwhile
 * from one of the server's lists to another, so there has to be one list: `no_lru_maintainer`.
 */
async function keysOf(path: string): Promise<readonly string[]> {
  const socket = connect({ path });
  socket.write("lru_crawler metadump all\r\n");
  let text = "";
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.endsWith("END\r\n") || text.startsWith("BUSY")) break;
  }
  socket.destroy();
  if (text.startsWith("BUSY")) return keysOf(path);
  return [...text.matchAll(/^key=(\S+) /gm)].map(([, key = ""]) => decodeURIComponent(key));
}

/**
 * Lets tests list the sessions of a memcached store, which cannot do so itself.
 *
 * @param namespaceOf Returns what the keys of sessions begin with, for a project.
 */
export function withScan(
  factory: SessionStoreFactory,
  servers: readonly string[],
  namespaceOf: (projectName: string) => string,
): SessionStoreFactory {
  return (context) => {
    const namespace = namespaceOf(context.projectName);
    async function* scan(): AsyncGenerator<SessionKey, void, undefined> {
      for (const server of servers) {
        for (const key of await keysOf(server)) {
          if (key.startsWith(namespace) && !key.includes(":moved:")) yield key.slice(namespace.length);
        }
      }
    }
    return Object.assign<SessionStore, Partial<SessionStore>>(factory(context), { scan });
  };
}
