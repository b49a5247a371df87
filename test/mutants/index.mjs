// @ts-check
import { adapterMutants } from "./adapters.mjs";
import { cacheMutants } from "./cache.mjs";
import { codecMutants } from "./codec.mjs";
import { integrationMutants } from "./integrations.mjs";
import { memcachedMutants } from "./memcached.mjs";
import { redisMutants } from "./redis.mjs";
import { sessionMutants } from "./session.mjs";
import { storeMutants } from "./stores.mjs";

/** @type {readonly import("./mutant.mjs").Mutant[]} */
export const mutants = [
  ...adapterMutants,
  ...cacheMutants,
  ...codecMutants,
  ...integrationMutants,
  ...memcachedMutants,
  ...redisMutants,
  ...sessionMutants,
  ...storeMutants,
];
