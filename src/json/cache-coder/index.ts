export type { DateFields, DatetimeFields, TimeFields } from "./calendar.ts";
export {
  type DateInput,
  type DatetimeInput,
  dumpDate,
  dumpDatetime,
  dumpTime,
  loadDate,
  type LoadDateOptions,
  loadDatetime,
  loadTime,
  type TimeInput,
} from "./datetime.ts";
export { dumpDecimal, loadDecimal } from "./decimal.ts";
export { dump } from "./dump.ts";
export { dumpBool, dumpBytes, dumpSet, dumpUuid, loadBool, loadBytes, loadSet, loadUuid } from "./scalars.ts";
export { dumpTimedelta, loadTimedelta, type TimedeltaInput } from "./timedelta.ts";
