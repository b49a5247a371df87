export { CacheKeyvStore, type KeyvStoreEntry, keyvStore } from "./cache-keyv-store.ts";
