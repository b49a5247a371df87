import { join } from "node:path";
import type { NextConfig } from "next";

const config: NextConfig = {
  // The packages of the repository are above this folder.
  turbopack: { root: join(import.meta.dirname, "../..") },
  poweredByHeader: false,
  experimental: { authInterrupts: true },
};

export default config;
