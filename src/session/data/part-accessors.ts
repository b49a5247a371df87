import { inspect } from "node:util";
import { makeObjectLinks } from "../../core/object-links.ts";

/** Parts of a session's data that are parsed on first read. */
export interface UnreadParts {
  /** Returns the value of a part. */
  readPart(key: string): unknown;
  /** Replaces the accessor of a part by a value. */
  assignPart(key: string, value: unknown): void;
}

const links = makeObjectLinks<UnreadParts>();

/** Makes the accessors of an object read the given parts. */
export function linkParts(object: object, parts: UnreadParts): void {
  links.set(object, parts);
}

/** Returns the parts of an object, or of the object that it inherits from. */
function partsOf(object: object): UnreadParts {
  for (let each = object; ; each = Object.getPrototypeOf(each) as object) {
    const parts = links.get(each);
    if (parts !== undefined) return parts;
  }
}

/** Stands for a part during {@link isAccessor}. */
const ACCESSOR = Symbol("accessor");
let isProbing = false;

/**
 * Returns whether a property is an accessor of {@link accessorOf}. It is called, which costs less
 * than a property descriptor; an accessor of the application may be called too.
 */
export function isAccessor(object: object, key: string): boolean {
  isProbing = true;
  try {
    return (object as Record<string, unknown>)[key] === ACCESSOR;
  } catch {
    return false;
  } finally {
    isProbing = false;
  }
}

// Objects with the same accessors share their shape in V8. Keys can be visitors' text, so the number
// of remembered accessors is limited.
const MAX_SHARED = 1000;
const shared = new Map<string, PropertyDescriptor>();

/** Returns the property of a part that is not read yet. */
export function accessorOf(key: string): PropertyDescriptor {
  const known = shared.get(key);
  if (known !== undefined) return known;
  const made = makeAccessor(key);
  if (shared.size < MAX_SHARED) shared.set(key, made);
  return made;
}

function makeAccessor(key: string): PropertyDescriptor {
  return {
    enumerable: true,
    configurable: true,
    get(this: object): unknown {
      return isProbing ? ACCESSOR : partsOf(this).readPart(key);
    },
    set(this: object, value: unknown): void {
      partsOf(this).assignPart(key, value);
    },
  };
}

// Not enumerable: invisible to Object.keys, JSON and deep equality. Without it, a part is shown as
// [Getter/Setter].
const SHOW_VALUES: PropertyDescriptor = {
  value(this: object): object {
    return { ...this };
  },
};

/** Returns a plain object that is shown with the values of its parts. */
export function emptyObject(): object {
  return Object.defineProperty({}, inspect.custom, SHOW_VALUES);
}
