import { fileURLToPath } from "node:url";

export default {
  // The benchmark, the packages and the libraries of others are above this folder.
  turbopack: { root: fileURLToPath(new URL("../../../..", import.meta.url)) },
  poweredByHeader: false,
};
