import { appendFileSync } from "node:fs";

/** Writes a call of a cached function where all replicas do. */
export function noteCall(name) {
  appendFileSync(process.env.CALLS ?? "/dev/null", `${name}\n`);
}

export function slowly() {
  return new Promise((resolve) => setTimeout(resolve, Number(process.env.RENDER_TIME ?? 300)));
}
