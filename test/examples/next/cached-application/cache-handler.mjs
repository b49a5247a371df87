import { appendFileSync } from "node:fs";
import { createSojourn } from "sojourn";
import { nextCacheHandler } from "sojourn/integrations/next-cache";

const { REDIS_URL = "redis://127.0.0.1:1", ERRORS = "/dev/null", MAX_WAIT = "20s" } = process.env;

const { caches } = createSojourn({
  projectName: "next-cache",
  secretKey: "a secret of the test of replicas, which opens no session",
  redis: { default: REDIS_URL },
  caches: { default: { keyPrefix: "replicas", lease: "3s" } },
});

export default nextCacheHandler(caches.default, {
  maxWait: MAX_WAIT,
  onError: (error) => appendFileSync(ERRORS, `${error}\n`),
});
