import { defineNitroConfig } from "nitropack/config";

export default defineNitroConfig({
  compatibilityDate: "2026-11-01",
  srcDir: "server",
  output: { dir: "build" },
  publicAssets: [{ dir: "../../shared/public" }],
  errorHandler: "./server/error-page.ts",
  // The folders above are those of Sojourn itself: the installed package is for all files of the shop.
  rollupConfig: { external: [/^sojourn(\/|$)/] },
});
