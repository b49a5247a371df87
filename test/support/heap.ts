import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const { Bun } = globalThis as { readonly Bun?: { gc(isForced: true): void } };

const collectGarbage: () => void = Bun === undefined ? exposeGc() : () => Bun.gc(true);

/** Size of the live objects in the heap of this process, in bytes. */
export function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

function exposeGc(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
