export {
  type BetterAuthStorage,
  betterAuthStorage,
  type BetterAuthStorageOptions,
} from "./cache-secondary-storage.ts";
