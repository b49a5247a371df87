import type { EpochMilliseconds } from "../../core/clock.ts";

/** A lease on an entry. */
export interface ItemLease {
  /** Token of the loading caller; `undefined` for a moment after a load without a value. */
  readonly token: string | undefined;
  /** Time from which others can take it. */
  readonly endsAt: EpochMilliseconds;
  readonly forgottenAt: EpochMilliseconds;
  /** Number of recent loads that ended without a value. */
  readonly ended: number;
  readonly hasWaiters: boolean;
}

/** Content of a key: a value, the lease on it, or both. */
export interface CacheItem {
  readonly value: Buffer | undefined;
  /** End of the value; `undefined` if it does not expire. */
  readonly expiresAt: EpochMilliseconds | undefined;
  readonly lease: ItemLease | undefined;
}

const NO_VALUE = "!";
const NO_END = "-";

const LINE_END = 10;

/**
 * Returns the text of an item: a line with the end of its value in base 36, and with the lease if
 * there is one; then the value.
 */
export function writeItem({ value, expiresAt, lease }: CacheItem): Buffer {
  const end = value === undefined ? NO_VALUE : (expiresAt?.toString(36) ?? NO_END);
  const head = lease === undefined ? end : `${end} ${JSON.stringify(lease)}`;
  return Buffer.concat([Buffer.from(`${head}\n`), value ?? Buffer.alloc(0)]);
}

/** Reads an item; `undefined` for a text of another form. */
export function readItem(bytes: Buffer): CacheItem | undefined {
  const lineEnd = bytes.indexOf(LINE_END);
  const head = lineEnd < 0 ? "" : bytes.toString("utf8", 0, lineEnd);
  const [, end, json] = /^([!-]|[0-9a-z]{1,11})(?: (\{.*\}))?$/.exec(head) ?? [];
  const lease = json === undefined ? undefined : readLease(json);
  if (end === undefined || (json !== undefined && lease === undefined)) return undefined;
  return {
    value: end === NO_VALUE ? undefined : bytes.subarray(lineEnd + 1),
    expiresAt: end === NO_VALUE || end === NO_END ? undefined : Number.parseInt(end, 36),
    lease,
  };
}

function readLease(json: string): ItemLease | undefined {
  try {
    const { token, endsAt, forgottenAt, ended, hasWaiters } = JSON.parse(json) as Partial<ItemLease>;
    if (typeof endsAt !== "number" || typeof forgottenAt !== "number" || typeof ended !== "number")
      return undefined;
    return { token, endsAt, forgottenAt, ended, hasWaiters: hasWaiters === true };
  } catch {
    return undefined;
  }
}
