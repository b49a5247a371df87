import { describeApplications } from "./applications.ts";

/** Types of these frameworks name the browser's, and do not all check. */
const WITH_BROWSER = { lib: ["es2023", "dom", "dom.iterable"], skipLibCheck: true };

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
    h3: { packages: ["h3"], compilerOptions: WITH_BROWSER },
    nitro: {
      packages: [],
      versions: ["nitropack@2.13.6"],
      standsOn: ["h3"],
      compilerOptions: { ...WITH_BROWSER, skipLibCheck: true },
      isBuilt: true,
    },
    next: {
      packages: ["next", "react", "react-dom", "@types/react"],
      compilerOptions: WITH_BROWSER,
      isBuilt: true,
    },
    sveltekit: {
      packages: ["@sveltejs/kit", "@sveltejs/vite-plugin-svelte", "svelte", "vite"],
      compilerOptions: WITH_BROWSER,
    },
    "react-router": { packages: ["react-router", "react", "@types/react"], compilerOptions: WITH_BROWSER },
    nest: {
      packages: ["@nestjs/common", "@nestjs/core", "@nestjs/platform-express", "reflect-metadata", "rxjs"],
      standsOn: ["express"],
      compilerOptions: { experimentalDecorators: true },
    },
  },
  // One of Node's, one of the web's, and one that stands on another.
  tried: ["express", "nest"],
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
