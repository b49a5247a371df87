import { CacheUsageError } from "../core/errors.ts";

/** Classes of Temporal that are values. */
export type TemporalName =
  | "Duration"
  | "Instant"
  | "PlainDate"
  | "PlainDateTime"
  | "PlainMonthDay"
  | "PlainTime"
  | "PlainYearMonth"
  | "ZonedDateTime";

/** An object of one of these classes, of the runtime's own Temporal or of a polyfill. */
export interface TemporalObject<Name extends TemporalName> {
  readonly [Symbol.toStringTag]: `Temporal.${Name}`;
  toString(): string;
}

type GlobalTemporal = typeof globalThis extends { readonly Temporal: infer Temporal } ? Temporal : unknown;

/**
 * The global class itself if the project's types know Temporal, else the members of its objects
 * known here.
 */
export type TemporalValue<Name extends TemporalName> = Name extends TemporalName
  ? GlobalTemporal extends Readonly<Record<Name, new (...args: never) => infer Value>>
    ? Value
    : TemporalObject<Name>
  : never;

/** Used part of a class of Temporal. */
interface TemporalClass {
  from(input: unknown): object;
}

const NAME =
  /^Temporal\.(Duration|Instant|PlainDate|PlainDateTime|PlainMonthDay|PlainTime|PlainYearMonth|ZonedDateTime)$/;

/** Returns the class of Temporal that a value belongs to, if any. */
export function temporalNameOf(value: unknown): TemporalName | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const tag = (value as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return typeof tag === "string" ? (NAME.exec(tag)?.[1] as TemporalName | undefined) : undefined;
}

/**
 * Makes an object of Temporal.
 *
 * @throws {CacheUsageError} When this process has no `globalThis.Temporal`.
 * @throws {RangeError} When the class does not accept the input.
 */
export function newTemporal<Name extends TemporalName>(name: Name, input: unknown): TemporalValue<Name> {
  const { Temporal } = globalThis as { readonly Temporal?: Readonly<Record<TemporalName, TemporalClass>> };
  if (Temporal === undefined) {
    throw new CacheUsageError(
      `A Temporal.${name} was requested, but this Node has no Temporal. Import a polyfill that sets globalThis.Temporal first.`,
    );
  }
  return Temporal[name].from(input) as TemporalValue<Name>;
}
