import { appendFileSync } from "node:fs";
import { nextCacheHandler } from "sojourn/integrations/next-cache";
import { cache } from "./cache.mjs";

const { ERRORS = "/dev/null", MAX_WAIT = "20s" } = process.env;

export default nextCacheHandler(cache, {
  maxWait: MAX_WAIT,
  onError: (error) => appendFileSync(ERRORS, `${error}\n`),
});
