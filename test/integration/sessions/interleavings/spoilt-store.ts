import { setTimeout as pause } from "node:timers/promises";
import type { SessionStore, SessionStoreFactory, StoreContext } from "sojourn";
import type { Deadline } from "sojourn/redis";
import { redisCacheStore } from "sojourn/stores/redis";

const COPY_TTL = 60_000;
/** The wait of a greedy sweep, in milliseconds. */
const SOON = 50;

/**
 * A fault of a store, to show that the checker finds it.
 *
 * - `"blind commit"`: it commits whatever version is stored. - `"undead commit"`: it commits also what is gone.
 * - `"late delete"`: it tells of a deletion before it is done. - `"blind refill"`: as Django's `cached_db`,
 *   it puts copies into a cache without asking whether they are still true. - `"greedy sweep"`: it looks for
 *   what expires first and deletes it afterwards, renewed or not (it reads JSON). - `"crossed reads"`: now
 *   and then it gives the record that it has read before.
 */
export type Spoil =
  | "blind commit"
  | "undead commit"
  | "late delete"
  | "blind refill"
  | "greedy sweep"
  | "crossed reads";

/** Puts something wrong around a store. */
export function spoilt(factory: SessionStoreFactory, spoil: Spoil): SessionStoreFactory {
  return (context) => {
    const store = factory(context);
    const replaced = SPOILS[spoil](store, context);
    return new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(replaced, name) ?? Reflect.get(target, name, target);
        return typeof value === "function" ? (value as () => unknown).bind(target) : value;
      },
    });
  };
}

const SPOILS: Readonly<Record<Spoil, (store: SessionStore, context: StoreContext) => Partial<SessionStore>>> =
  {
    "blind commit": (store) => ({
      async commit(key, record, etag, ttl, deadline) {
        const result = await store.commit(key, record, etag, ttl, deadline);
        if (result.status !== "conflict") return result;
        return store.commit(key, record, { start: 0, text: result.record }, ttl, deadline);
      },
    }),
    "undead commit": (store) => ({
      async commit(key, record, etag, ttl, deadline) {
        const result = await store.commit(key, record, etag, ttl, deadline);
        if (result.status !== "gone") return result;
        await store.create(key, record, ttl, deadline);
        return { status: "committed" };
      },
    }),
    "late delete": (store) => ({
      async delete(key, deadline) {
        const isThere = (await store.read(key, deadline)) !== undefined;
        void pause(3).then(() => store.delete(key, deadline).catch(() => {}));
        return isThere;
      },
    }),
    "blind refill": (store, context) => {
      const cache = redisCacheStore()(context);
      const at = (key: string) => `copies:${context.projectName}:${key}`;
      const put = (key: string, value: string, deadline: Deadline) =>
        cache.setMany([{ key: at(key), value, ttl: COPY_TTL }], "always", deadline);
      return {
        async read(key, deadline) {
          const copy = await cache.get(at(key), deadline);
          if (copy !== undefined) return copy.toString();
          const record = await store.read(key, deadline);
          if (record !== undefined) await put(key, record, deadline);
          return record;
        },
        async commit(key, record, etag, ttl, deadline) {
          const result = await store.commit(key, record, etag, ttl, deadline);
          if (result.status === "committed") await put(key, record, deadline);
          return result;
        },
        async delete(key, deadline) {
          const wasThere = await store.delete(key, deadline);
          await cache.deleteMany([at(key)], deadline);
          return wasThere;
        },
      };
    },
    "greedy sweep": (store) => ({
      async clearExpired(pageDeadline) {
        let count = 0;
        for await (const key of store.scan(pageDeadline)) {
          const record = await store.read(key, pageDeadline());
          const expiry = /"_session_expiry":"([^"]+)"/.exec(record ?? "")?.[1];
          const left = Date.parse(expiry ?? "") - Date.now();
          if (!(left < SOON)) continue;
          await pause(left);
          if (await store.delete(key, pageDeadline())) count++;
        }
        return count;
      },
    }),
    "crossed reads": (store) => {
      let [last, reads] = [{ key: "", record: "" }, 0];
      return {
        async read(key, deadline) {
          const record = await store.read(key, deadline);
          if (record === undefined) return undefined;
          const before = last;
          last = { key, record };
          return ++reads % 10 === 0 && before.key !== "" ? before.record : record;
        },
      };
    },
  };
