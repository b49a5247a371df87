import { fileURLToPath } from "node:url";

const pathOf = (file) => fileURLToPath(new URL(file, import.meta.url));

export default {
  cacheComponents: true,
  cacheHandlers: { default: pathOf("cache-handler.mjs"), remote: pathOf("cache-handler.mjs") },
  cacheHandler: pathOf("incremental-cache-handler.mjs"),
  // The packages of the repository are above this folder.
  turbopack: { root: pathOf("../../../..") },
};
