export { parsePickle } from "./parse-pickle.ts";
export { PickleError, type PickleRefusal } from "./pickle-error.ts";
export type { PickleLimits } from "./pickle-limits.ts";
export { type PickleAsJson, pickleToJson, type UnfitValue } from "./pickle-to-json.ts";
export {
  PickleBytearray,
  PickleDict,
  PickleFloat,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from "./pickle-values.ts";
