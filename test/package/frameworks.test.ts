import { describeApplications } from "./applications.ts";

describeApplications("one framework", {
  folder: "frameworks",
  shared: ["check.ts"],
  // By the names of their adapters.
  applications: {
    node: { packages: [] },
    express: { packages: ["express", "@types/express"] },
    fastify: { packages: ["fastify"] },
    koa: { packages: ["koa", "@types/koa"] },
    fetch: { packages: [] },
    hono: { packages: ["hono"] },
    nest: {
      packages: ["@nestjs/common", "@nestjs/core", "@nestjs/platform-express", "reflect-metadata", "rxjs"],
      standsOn: ["express"],
      compilerOptions: { experimentalDecorators: true },
    },
  },
  // One of Node's, one of the web's, and one that stands on another.
  tried: ["express", "hono", "nest"],
  foreign: [
    "@nestjs/core",
    "@sveltejs/kit",
    "express",
    "fastify",
    "h3",
    "hono",
    "koa",
    "next",
    "react-router",
  ],
  prints: "views: 1, views: 2\n",
});
