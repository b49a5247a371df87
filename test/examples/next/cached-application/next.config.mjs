import { fileURLToPath } from "node:url";

const handler = fileURLToPath(new URL("cache-handler.mjs", import.meta.url));

export default {
  cacheComponents: true,
  cacheHandlers: { default: handler, remote: handler },
  // The packages of the repository are above this folder.
  turbopack: { root: fileURLToPath(new URL("../../../..", import.meta.url)) },
};
