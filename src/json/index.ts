export { defineMember, rawValue, readJson, readMembers, type RawMember, type RawValue } from "./lossless-reader.ts";
export { isPlainObject, writeForComparison, writeJson, type Written } from "./strict-writer.ts";
