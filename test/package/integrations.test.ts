import { describeApplications } from "./applications.ts";

/** For libraries whose own declarations name packages and globals that are not there. */
const FOREIGN_TYPES = { skipLibCheck: true };

describeApplications("one library", {
  folder: "integrations",
  shared: ["cache.ts"],
  // By the names of the integrations, and of clients that an application may have.
  applications: {
    apollo: { packages: ["@apollo/utils.keyvaluecache"] },
    "better-auth": { packages: [], versions: ["better-auth@1.7.25"], compilerOptions: FOREIGN_TYPES },
    "express-rate-limit": { packages: ["express", "@types/express", "express-rate-limit"] },
    "fastify-rate-limit": { packages: ["fastify", "@fastify/rate-limit"] },
    "fastify-session": { packages: ["fastify", "@fastify/cookie", "@fastify/session"] },
    "graphql-response-cache": { packages: ["@envelop/core", "@envelop/response-cache", "graphql"] },
    ioredis: { packages: ["ioredis"] },
    iovalkey: { packages: ["iovalkey"] },
    keyv: { packages: ["keyv", "cache-manager"] },
    "koa-session": { packages: ["koa", "@types/koa", "koa-session"], compilerOptions: FOREIGN_TYPES },
    "nestjs-throttler": {
      packages: ["@nestjs/common", "@nestjs/core", "@nestjs/throttler", "reflect-metadata", "rxjs"],
      compilerOptions: { experimentalDecorators: true },
    },
    "next-cache": {
      packages: ["next", "react", "react-dom", "@types/react"],
      compilerOptions: { ...FOREIGN_TYPES, lib: ["es2023", "dom"] },
    },
    "rate-limiter-flexible": { packages: ["rate-limiter-flexible"] },
    unstorage: { packages: ["unstorage"], compilerOptions: FOREIGN_TYPES },
  },
  // The one with most users.
  tried: ["keyv"],
  foreign: [
    "@fastify/rate-limit",
    "@fastify/session",
    "@nestjs/core",
    "@nestjs/throttler",
    "@envelop/response-cache",
    "@redis/client",
    "express",
    "express-rate-limit",
    "fastify",
    "graphql",
    "ioredis",
    "iovalkey",
    "keyv",
    "koa-session",
    "next",
    "rate-limiter-flexible",
    "unstorage",
  ],
  prints: "true\n",
});
