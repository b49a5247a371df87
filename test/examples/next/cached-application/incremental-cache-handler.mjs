import { appendFileSync } from "node:fs";
import { nextIncrementalCacheHandler } from "sojourn/integrations/next-cache";
import { cache } from "./cache.mjs";

const { ERRORS = "/dev/null", MAX_WAIT = "20s", BUILD } = process.env;

export default nextIncrementalCacheHandler(cache, {
  maxWait: MAX_WAIT,
  buildId: BUILD,
  onError: (error) => appendFileSync(ERRORS, `${error}\n`),
});
