import { crc16, hasHashTag, SLOTS, slotOf } from "../../../redis/key-slot.ts";

/**
 * Purpose of a key of the library's own, beside that of an entry:
 *
 * - `"lease"`: token of the caller that loads the entry.
 * - `"lock"`: token of the holder of the lock with the entry's name.
 * - `"fence"`: the fencing token of the last holder of that lock.
 */
export type OwnKind = "fence" | "lease" | "lock";

/** A byte that UTF-8 never contains, so no text of a caller makes such a key (RFC 3629). */
const MARK = 0xff;

/**
 * Returns the key of the library's own that belongs to an entry. It begins with the entry's key, so
 * that a walk over a namespace finds it and rights to the namespace cover it, and lies in the same
 * slot of a cluster.
 */
export function ownKeyOf(key: string, kind: OwnKind): Buffer {
  const isPlain = !key.includes("{") && !key.includes("}");
  const name = Buffer.from(isPlain ? `${key}\0${kind}{${key}}` : `${key}\0${kind}`);
  name[Buffer.byteLength(key)] = MARK;
  return isPlain || hasHashTag(key) ? name : withinSlot(name, slotOf(key));
}

/** Returns the kind of a key of the library's own; `undefined` for the key of an entry. */
export function ownKindOf(key: Buffer): OwnKind | undefined {
  const at = key.indexOf(MARK);
  if (at === -1) return undefined;
  const rest = key.toString("latin1", at + 1);
  return KINDS.find((kind) => rest.startsWith(kind));
}

const KINDS: readonly OwnKind[] = ["fence", "lease", "lock"];

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";

/**
 * Appends characters that bring a name into a slot. For keys with braces that make no hash tag
 * (`a}b`, `a{b`, `{}`), of which all bytes count. One in 16 384 of the 36^4 endings leads there:
 * 0.1 ms to find.
 */
function withinSlot(name: Buffer, slot: number): Buffer {
  const before = crc16(name);
  const ending = Buffer.alloc(4);
  for (let number = 0; number < DIGITS.length ** ending.length; number++) {
    for (let at = 0, rest = number; at < ending.length; at++, rest = Math.floor(rest / DIGITS.length)) {
      ending[at] = DIGITS.charCodeAt(rest % DIGITS.length);
    }
    if (crc16(ending, before) % SLOTS === slot) return Buffer.concat([name, ending]);
  }
  throw new RangeError("no ending leads into the slot");
}
