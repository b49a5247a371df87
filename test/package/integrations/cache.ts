// Part of the applications of integrations.test.ts: a cache in memory.
import { createSojourn } from "sojourn";
import { memoryCacheStore } from "sojourn/stores/memory";

export const { default: cache } = createSojourn({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  caches: { default: { store: memoryCacheStore(), keyPrefix: "myproject" } },
}).caches;
