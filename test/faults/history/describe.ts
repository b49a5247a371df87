import type { Operation } from "./history.ts";

/** An operation as findings name it, with the ends of its cookies. */
export function describe(operation: Operation | undefined): string {
  if (operation === undefined) return "nobody";
  const { id, kind, ending, actAt, end, headAt, isStranger, key, newKey, setCookie } = operation;
  const who = isStranger === true ? " of a stranger" : "";
  const head = headAt === undefined ? "" : `, head at ${headAt.toFixed(1)}`;
  const cookies = Object.entries({ key, newKey, setCookie }).map(
    ([name, value]) => `, ${name} ${value?.slice(-6)}`,
  );
  return `${kind} ${id}${who} (${ending}, ${actAt.toFixed(1)} to ${end.toFixed(1)}${head}${cookies.join("")})`;
}
