import type { EpochMilliseconds, Milliseconds } from "../core/clock.ts";
import {
  ENDED_TTL,
  type EntryHead,
  FENCE_AFTERLIFE,
  type IncrementOptions,
  type IncrementResult,
  MAX_LEASE,
  type NewValue,
  type SetCondition,
} from "./cache-store.ts";
import type { Cell, CellEntry, CellLease, CellLock, Decide, NewCellEntry } from "./cells.ts";
import { endsLease } from "./ends-lease.ts";
import { bufferOf, integerOf } from "./scalar-pickle.ts";

const TILDE = 0x7e;
const LINE_END = 0x0a;

/** Answer of a lease, with its value as bytes. */
export type CellLeaseResult =
  | { readonly status: "leased" }
  | { readonly status: "busy"; readonly ended: number }
  | { readonly status: "found"; readonly value: Buffer };

/** Value of a lease's request as bytes. */
export interface CellRequest {
  readonly token: string;
  readonly expected: Buffer | undefined;
}

export function expiryAt(now: EpochMilliseconds, ttl: Milliseconds | null): EpochMilliseconds {
  return ttl === null ? Number.POSITIVE_INFINITY : now + ttl;
}

/** Remaining time to live, at least 1. */
export function leftOf({ expiresAt }: CellEntry, now: EpochMilliseconds): Milliseconds | null {
  return expiresAt === Number.POSITIVE_INFINITY ? null : Math.max(1, Math.ceil(expiresAt - now));
}

export function setting(
  { value, ttl }: Omit<NewCellEntry, "key">,
  condition: SetCondition,
): Decide<Cell, boolean> {
  return (cell, now) => {
    if (condition !== "always" && (cell.entry !== undefined) !== (condition === "if-present"))
      return { answer: false };
    return { answer: true, next: writing(cell, { value, ttl }, now) };
  };
}

/** The cell with a new entry, whose short life ends the lease. */
function writing(cell: Cell, { value, ttl }: Omit<NewCellEntry, "key">, now: EpochMilliseconds): Cell {
  return {
    entry: { value, expiresAt: expiryAt(now, ttl) },
    lease: endsLease(ttl) ? undefined : cell.lease,
  };
}

export function ensuring({ value, ttl }: Omit<NewCellEntry, "key">): Decide<Cell, Buffer> {
  return ({ entry, lease }, now) => {
    const expiresAt = expiryAt(now, ttl);
    if (entry !== undefined && entry.expiresAt >= expiresAt) return { answer: entry.value };
    const kept = entry?.value ?? value;
    return { answer: kept, next: { entry: { value: kept, expiresAt }, lease } };
  };
}

export const taking: Decide<Cell, Buffer | undefined> = ({ entry }) => ({ answer: entry?.value, next: {} });

export function touching(ttl: Milliseconds | null): Decide<Cell, boolean> {
  return ({ entry, lease }, now) => {
    if (entry === undefined) return { answer: false };
    return { answer: true, next: { entry: { ...entry, expiresAt: expiryAt(now, ttl) }, lease } };
  };
}

export function touchingHeadless(
  ttl: Milliseconds | null,
): Decide<Cell, boolean | (Omit<EntryHead, "head"> & { readonly head: Buffer })> {
  return (cell, now) => {
    const { entry } = cell;
    const end = entry?.value[0] === TILDE ? entry.value.indexOf(LINE_END) + 1 : 0;
    if (entry === undefined || end === 0) return touching(ttl)(cell, now);
    return { answer: { head: entry.value.subarray(0, end), ttl: leftOf(entry, now) } };
  };
}

export function replacingHead(head: Buffer, { value, ttl }: NewValue): Decide<Cell, boolean> {
  return ({ entry, lease }, now) => {
    if (entry === undefined || !startsWith(entry.value, head)) return { answer: false };
    const replaced = Buffer.concat([bufferOf(value), entry.value.subarray(head.length)]);
    return { answer: true, next: { entry: { value: replaced, expiresAt: expiryAt(now, ttl) }, lease } };
  };
}

export function adding(delta: bigint, { begin, least }: IncrementOptions): Decide<Cell, IncrementResult> {
  return (cell, now) => {
    const { entry, lease } = cell;
    if (entry === undefined) {
      if (begin === undefined) return { answer: { status: "missing" } };
      const value = bufferOf(begin.value);
      return {
        answer: { status: "incremented", value: BigInt(value.toString()) },
        next: writing(cell, { value, ttl: begin.ttl }, now),
      };
    }
    const sum = sumOf(integerOf(entry.value), delta, least);
    if (sum === undefined) return { answer: { status: "not-integer" } };
    const value = Buffer.from(String(sum));
    return {
      answer: { status: "incremented", value: sum },
      next: { entry: { value, expiresAt: entry.expiresAt }, lease },
    };
  };
}

function sumOf(integer: bigint | undefined, delta: bigint, least: bigint | undefined): bigint | undefined {
  if (integer === undefined) return undefined;
  const sum = integer + delta;
  if (BigInt.asIntN(64, sum) !== sum) return undefined;
  return least !== undefined && sum < least ? least : sum;
}

export function comparing(
  expected: Buffer,
  next: Omit<NewCellEntry, "key"> | undefined,
): Decide<Cell, boolean> {
  return (cell, now) => {
    if (cell.entry?.value.equals(expected) !== true) return { answer: false };
    return { answer: true, next: next === undefined ? {} : writing(cell, next, now) };
  };
}

export function leasing({ token, expected }: CellRequest, ttl: Milliseconds): Decide<Cell, CellLeaseResult> {
  return ({ entry, lease }, now) => {
    const newer = newerThan(entry, expected);
    if (newer !== undefined) {
      const answer = { status: "found", value: newer } as const;
      return lease?.token === token ? { answer, next: { entry } } : { answer };
    }
    if (lease?.token !== undefined && lease.token !== token && now < lease.endsAt) {
      const answer = { status: "busy", ended: lease.ended } as const;
      return lease.hasWaiters
        ? { answer }
        : { answer, next: { entry, lease: { ...lease, hasWaiters: true } } };
    }
    return { answer: { status: "leased" }, next: { entry, lease: held(lease, token, now, ttl) } };
  };
}

export function renewing({ token, expected }: CellRequest, ttl: Milliseconds): Decide<Cell, boolean> {
  return ({ entry, lease }, now) => {
    if (lease?.token !== token) return { answer: false };
    if (newerThan(entry, expected) !== undefined) return { answer: false, next: { entry } };
    return { answer: true, next: { entry, lease: held(lease, token, now, ttl) } };
  };
}

/** @returns Whether it was stored, and the value of the key if not. */
export function filling(
  { token, expected }: CellRequest,
  { value, ttl }: Omit<NewCellEntry, "key">,
): Decide<Cell, { readonly isStored: boolean; readonly current: Buffer | undefined }> {
  return ({ entry, lease }, now) => {
    const isHolder = lease?.token === token;
    if (isHolder && newerThan(entry, expected) === undefined)
      return {
        answer: { isStored: true, current: undefined },
        next: { entry: { value, expiresAt: expiryAt(now, ttl) } },
        isFill: true,
      };
    const answer = { isStored: false, current: entry?.value };
    return isHolder ? { answer, next: { entry } } : { answer };
  };
}

export function releasing(token: string): Decide<Cell, boolean> {
  return ({ entry, lease }, now) => {
    if (lease?.token !== token) return { answer: false };
    if (!lease.hasWaiters) return { answer: true, next: { entry } };
    const { ended, hasWaiters } = lease;
    const left = { endsAt: now, forgottenAt: now + ENDED_TTL, ended: ended + 1, hasWaiters };
    return { answer: true, next: { entry, lease: left } };
  };
}

function held(
  before: CellLease | undefined,
  token: string,
  now: EpochMilliseconds,
  ttl: Milliseconds,
): CellLease {
  const { ended, hasWaiters } = before ?? { ended: 0, hasWaiters: false };
  return { token, endsAt: now + ttl, forgottenAt: now + MAX_LEASE, ended, hasWaiters };
}

/** Returns the stored value, unless it is the one that the caller has seen or begins with it. */
function newerThan(entry: CellEntry | undefined, seen: Buffer | undefined): Buffer | undefined {
  if (entry === undefined) return undefined;
  return seen !== undefined && startsWith(entry.value, seen) ? undefined : entry.value;
}

function startsWith(value: Buffer, start: Buffer): boolean {
  return value.length >= start.length && value.subarray(0, start.length).equals(start);
}

export function locking(token: string, ttl: Milliseconds): Decide<CellLock | undefined, number | undefined> {
  return (lock, now) => {
    if (holderOf(lock, now) !== undefined) return { answer: undefined };
    // In microseconds, as on Redis; greater than the last one if the clock was put back.
    const fence = Math.max((lock?.fence ?? 0) + 1, Math.floor(now * 1000));
    return { answer: fence, next: lockFor(token, fence, now + ttl) };
  };
}

export function extending(token: string, ttl: Milliseconds): Decide<CellLock | undefined, boolean> {
  return (lock, now) => {
    if (lock === undefined || holderOf(lock, now) !== token) return { answer: false };
    return { answer: true, next: lockFor(token, lock.fence, now + ttl) };
  };
}

export function unlocking(token: string): Decide<CellLock | undefined, boolean> {
  return (lock, now) => {
    if (lock === undefined || holderOf(lock, now) !== token) return { answer: false };
    return { answer: true, next: { endsAt: now, fence: lock.fence, forgottenAt: now + FENCE_AFTERLIFE } };
  };
}

export function holderOf(lock: CellLock | undefined, now: EpochMilliseconds): string | undefined {
  return lock !== undefined && now < lock.endsAt ? lock.token : undefined;
}

function lockFor(token: string, fence: number, endsAt: EpochMilliseconds): CellLock {
  return { token, fence, endsAt, forgottenAt: endsAt + FENCE_AFTERLIFE };
}
