/** The runtime of the tests. */
export const runtime: "node" | "bun" | "deno" =
  process.versions["bun"] === undefined ? (process.versions["deno"] === undefined ? "node" : "deno") : "bun";

/** Whether `pipeline` refuses a destination that is closed, as Node 24 and newer do, and Bun and Deno. */
export const pipelineRefusesClosed: boolean = Number.parseInt(process.versions.node, 10) >= 24;
