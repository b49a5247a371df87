/**
 * Describes a value, for a message: by itself if it is short and no secret, otherwise by its kind.
 */
export function describeValue(value: unknown, name = ""): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return describeObject(value);
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    return describeShown(String(value), typeof value, name);
  }
  if (typeof value === "string") return describeShown(JSON.stringify(value), "string", name);
  return typeof value === "function" ? describeFunction(value) : "a symbol";
}

const SECRET_NAME = /pass|secret|token|credential|url/i;
const SECRET_TEXT = /@|:\/\//;
const MAX_SHOWN = 60;

function describeShown(shown: string, type: string, name: string): string {
  const isShown = shown.length <= MAX_SHOWN && !SECRET_NAME.test(name) && !SECRET_TEXT.test(shown);
  return isShown ? `${shown} (${type})` : `a ${type} that is not shown`;
}

/** Returns a name with its article: `an ArrayBuffer`, `a Uint8Array`. */
export function withArticle(name: string): string {
  return /^(?:[aeio]|un[^i])/i.test(name) ? `an ${name}` : `a ${name}`;
}

function describeFunction(value: unknown): string {
  const { name } = value as { readonly name: string };
  const kind = isClass(value) ? "the class" : "the function";
  if (name !== "") return `${kind} ${name}`;
  return isClass(value) ? "a class" : "a function";
}

/** Returns whether a function is a class, which cannot be called. */
export function isClass(value: unknown): boolean {
  return typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));
}

function describeObject(value: object): string {
  if (value instanceof Promise) return 'a promise (an "await" is missing)';
  const name = (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor
    ?.name;
  return name === undefined || name === "" || name === "Object" ? "an object" : `an object of class ${name}`;
}

/** Describes a value by its kind alone, for a message that may show nothing of it. */
export function describeKind(value: unknown): string {
  if (value === "") return "an empty text";
  if (typeof value === "string") return "a text";
  if (typeof value === "number") return Number.isFinite(value) ? "a number" : String(value);
  if (typeof value === "bigint") return "a bigint";
  return typeof value === "boolean" ? "true or false" : describeValue(value);
}
