import { describeApplications } from "./applications.ts";

describeApplications("one library", {
  folder: "integrations",
  shared: ["cache.ts"],
  // By the names of the integrations.
  applications: {
    "express-rate-limit": { packages: ["express", "@types/express", "express-rate-limit"] },
    "fastify-rate-limit": { packages: ["fastify", "@fastify/rate-limit"] },
    keyv: { packages: ["keyv", "cache-manager"] },
    "nestjs-throttler": {
      packages: ["@nestjs/common", "@nestjs/core", "@nestjs/throttler", "reflect-metadata", "rxjs"],
      compilerOptions: { experimentalDecorators: true },
    },
    "rate-limiter-flexible": { packages: ["rate-limiter-flexible"] },
  },
  // One whose types are its own, and one made of the library's class.
  tried: ["keyv", "rate-limiter-flexible"],
  foreign: [
    "@fastify/rate-limit",
    "@nestjs/core",
    "@nestjs/throttler",
    "@redis/client",
    "express",
    "express-rate-limit",
    "fastify",
    "keyv",
    "rate-limiter-flexible",
    "unstorage",
  ],
  prints: "true\n",
});
