/** A record of 100 KB that shows whether it is whole: its beginning says what is repeated to its end. */
export function recordOf(version: number): string {
  return `${version}`.padStart(20, "0").repeat(5000);
}

/** Tells whether a record was written by {@link recordOf}, from its beginning to its end. */
export function isWhole(record: string): boolean {
  return record === record.slice(0, 20).repeat(5000);
}
