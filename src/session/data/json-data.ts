/** Says in a compiler's message what to do with what JSON cannot hold. */
type NotJson<Advice extends string> = `JSON cannot hold it: ${Advice}`;

/**
 * A type as JSON can hold it: itself where it can, and the advice where it cannot, which nothing but itself
 * is assignable to. `unknown` and `any` pass, and so do class instances without methods, which only the check
 * at run time finds.
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

/** The data of a session, of which each part is {@link JsonData}. */
export type JsonObject<Data> = object & { [Name in keyof Data]: JsonData<Data[Name]> };
