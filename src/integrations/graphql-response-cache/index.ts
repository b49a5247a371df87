export {
  CacheResponseCache,
  graphqlResponseCache,
  type GraphqlResponseCacheOptions,
  type ResponseEntity,
} from "./cache-response-cache.ts";
