import type { CellLease, CellLock } from "./cells.ts";

/**
 * State of a lease or a lock, and its key, as text beside the entries: base64, since a key may have
 * characters that a column cannot hold.
 */
export function writeState(key: string, state: CellLease | CellLock): string {
  return Buffer.from(JSON.stringify({ key, ...state })).toString("base64");
}

/** @returns `undefined` for anything but the state of a lease. */
export function readLease(text: string | null): CellLease | undefined {
  const state = read(text);
  const { endsAt, forgottenAt, ended, hasWaiters, token, foundUntil } = state;
  if (![endsAt, forgottenAt, ended].every(Number.isFinite)) return undefined;
  return {
    ...(typeof token === "string" && { token }),
    endsAt: Number(endsAt),
    forgottenAt: Number(forgottenAt),
    ended: Number(ended),
    hasWaiters: hasWaiters === true,
    ...(typeof foundUntil === "number" && { foundUntil }),
  };
}

/** @returns `undefined` for anything but the state of a lock. */
export function readLock(text: string | null): CellLock | undefined {
  const { endsAt, forgottenAt, fence, token } = read(text);
  if (!Number.isFinite(endsAt) || !Number.isFinite(forgottenAt) || !Number.isSafeInteger(fence))
    return undefined;
  return {
    ...(typeof token === "string" && { token }),
    endsAt: Number(endsAt),
    forgottenAt: Number(forgottenAt),
    fence: Number(fence),
  };
}

/** Returns the key of a lease or a lock; `undefined` if the text is none. */
export function keyOfState(text: string): string | undefined {
  const { key } = read(text);
  return typeof key === "string" ? key : undefined;
}

function read(text: string | null): Readonly<Record<string, unknown>> {
  if (text === null) return {};
  try {
    const state: unknown = JSON.parse(Buffer.from(text, "base64").toString());
    return typeof state === "object" && state !== null ? { ...state } : {};
  } catch {
    // Not ours: as if it were not there, and replaced by the next writer.
    return {};
  }
}
