import type { Operation } from "./history.ts";

export function describe(operation: Operation | undefined): string {
  if (operation === undefined) return "nobody";
  const { id, kind, ending, actAt, end, key, isStranger, newKey, setCookie, headAt } = operation;
  const cookies = Object.entries({ key, newKey, setCookie }).map(([name, value]) =>
    value === undefined ? "" : ` ${name} ${value.slice(-6)}`,
  );
  const head = headAt === undefined ? "" : `, head ${headAt.toFixed(1)}`;
  const who = isStranger ? " of a stranger" : "";
  return `${kind} ${id}${who} (${ending}, ${actAt.toFixed(1)} to ${end.toFixed(1)}${head})${process.env["SOJOURN_KEYS"] ? cookies.join("") : ""}`;
}
