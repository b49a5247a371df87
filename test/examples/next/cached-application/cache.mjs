import { createSojourn } from "sojourn";

const { REDIS_URL = "redis://127.0.0.1:1" } = process.env;

const { caches } = createSojourn({
  projectName: "next-cache",
  secretKey: "a secret of the test of replicas, which opens no session",
  redis: { default: REDIS_URL },
  caches: { default: { keyPrefix: "replicas", lease: "3s" } },
});

export const cache = caches.default;
