export type {
  AdapterAbility,
  AdapterTestAnswer,
  AdapterTestApplication,
  AdapterTestData,
  AdapterTestInjected,
  AdapterTestInjection,
  AdapterTestMount,
  AdapterTestRoute,
  StartedAdapterApplication,
} from "./adapter-conformance/application.ts";
export { type AdapterSuiteOptions, describeAdapter } from "./adapter-conformance/index.ts";
export {
  type CacheStoreSuiteOptions,
  describeCacheStore,
  type OpenedCacheStore,
} from "./cache-store-contract/index.ts";
export {
  type Fault,
  type FaultScript,
  faultySessionStore,
  type FaultyMethod,
  type StoreCall,
} from "./faulty-session-store.ts";
export { ManualClock } from "./manual-clock.ts";
export {
  describeSessionStore,
  type OpenedStore,
  type SessionStoreSuiteOptions,
  type TestFramework,
} from "./session-store-contract/index.ts";
