import type { StandardSchemaV1 } from "@standard-schema/spec";
import { SessionSchemaError } from "../../core/errors.ts";
import type { SessionData } from "./session-data.ts";
import type { SessionRecord } from "../record/session-record.ts";

/** Handling of data that does not match the schema. */
export type OnInvalid = "throw" | "reset" | "keep";

export const ON_INVALID: readonly OnInvalid[] = ["throw", "reset", "keep"];

/** One migration step, from the data of one version to that of the next. Synchronous. */
export type Migration = (data: Record<string, unknown>) => Record<string, unknown>;

/** Schema and migrations of session data. */
export interface DataSchema {
  readonly schema: StandardSchemaV1<unknown, object> | undefined;
  readonly onInvalid: OnInvalid;
  /** Version of the application's data. */
  readonly version: number;
  /** Steps by the version that they start from. */
  readonly migrate: Readonly<Record<number, Migration>>;
}

/**
 * Migrates and validates the data of a session that was just loaded.
 *
 * Keys of Django and of Sojourn (`_auth_user_id`, `_flash`, `testcookie` …) are skipped. Changes of
 * a migration are saved with the request; converted values and defaults of the schema only when
 * their part is changed.
 *
 * @returns `undefined` without a schema.
 * @throws {SessionSchemaError} When the data does not match, and `onInvalid` is `"throw"`.
 */
export function applySchema(
  data: SessionData<object>,
  record: SessionRecord,
  rules: DataSchema,
): Promise<void> | undefined {
  migrate(data, record, rules);
  return rules.schema && validate(data, rules.schema, rules.onInvalid);
}

async function validate(
  data: SessionData<object>,
  schema: StandardSchemaV1<unknown, object>,
  onInvalid: OnInvalid,
): Promise<void> {
  const own = ownValues(data);
  const result = await schema["~standard"].validate(own);
  if (result.issues === undefined) return data.applyDefaults(result.value);
  // A visitor without data has nothing invalid.
  if (Object.keys(own).length === 0 || onInvalid === "keep") return;
  if (onInvalid === "throw") throw new SessionSchemaError(result.issues.map(pathOf));
  write(data, {});
  const fresh = await schema["~standard"].validate({});
  if (fresh.issues === undefined) data.applyDefaults(fresh.value);
}

export function isOnInvalid(value: unknown): value is OnInvalid {
  return (ON_INVALID as readonly unknown[]).includes(value);
}

function migrate(
  data: SessionData<object>,
  record: SessionRecord,
  { version, migrate: steps }: DataSchema,
): void {
  if (record.isEmpty) return;
  const { version: first = 1 } = record.metadata;
  // A copy reads every part, and so parses it.
  if (first >= version) return;
  let values = ownValues(data);
  let hasChanged = false;
  for (let step = first; step < version; step++) {
    const migration = steps[step];
    if (migration === undefined) continue;
    values = migration(values);
    hasChanged = true;
  }
  if (hasChanged) write(data, values);
}

/** Returns copies, since a migration or a schema may change its argument. */
function ownValues({ object }: SessionData<object>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(structuredClone({ ...object })).filter(([key]) => isOwn(key)));
}

function write(data: SessionData<object>, values: Record<string, unknown>): void {
  const object = data.object as Record<string, unknown>;
  for (const key of Object.keys(object)) if (isOwn(key) && !Object.hasOwn(values, key)) delete object[key];
  data.take(Object.fromEntries(Object.entries(values).filter(([key]) => isOwn(key))));
}

function isOwn(key: string): boolean {
  return !key.startsWith("_") && key !== "testcookie";
}

function pathOf({ path = [] }: StandardSchemaV1.Issue): string {
  const steps = path.map((step) => String(typeof step === "object" ? step.key : step));
  return ["data", ...steps].join(".");
}
