/** Shows advice in the compiler's message for a type that JSON cannot represent. */
type NotJson<Advice extends string> = `JSON cannot hold it: ${Advice}`;

/**
 * The type itself if JSON can represent it, else the advice, to which no other type is assignable.
 * `unknown` and `any` pass, and so do class instances without methods, which only the run-time
 * check finds.
 */
export type JsonData<Value> = 0 extends 1 & Value
  ? Value
  : Value extends string | number | bigint | boolean | null | undefined
    ? Value
    : Value extends Date
      ? NotJson<"store toISOString() or getTime()">
      : Value extends ReadonlyMap<unknown, unknown>
        ? NotJson<"store Object.fromEntries(map) or [...map]">
        : Value extends ReadonlySet<unknown>
          ? NotJson<"store [...set]">
          : Value extends ArrayBufferView | ArrayBuffer
            ? NotJson<"store it as text, for example in base64">
            : Value extends Promise<unknown>
              ? NotJson<"await it first">
              : Value extends ((...args: never) => unknown) | symbol
                ? NotJson<"leave it out">
                : Value extends object
                  ? { [Name in keyof Value]: JsonData<Value[Name]> }
                  : Value;

/** Data of a session, whose parts are all {@link JsonData}. */
export type JsonObject<Data> = object & { [Name in keyof Data]: JsonData<Data[Name]> };
