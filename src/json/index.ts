export { copyJson } from "./copy-json.ts";
export {
  defineMember,
  memberOf,
  rawMember,
  rawValue,
  readJson,
  readMembers,
  NO_PRIMITIVE,
  type RawMember,
  type RawValue,
} from "./lossless-reader.ts";
export { isPlainObject, writeForComparison, writeJson, type Written } from "./strict-writer.ts";
export { CacheCoder } from "./cache-coder.ts";
export { parseJson } from "./parse-json.ts";
export { readTagged, writeTagged } from "./tagged-values.ts";
