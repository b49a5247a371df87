import { expect, test } from "vitest";
import { compileErrors } from "./examples.ts";
import { type CodeBlock, codeBlocks, readPages } from "./markdown.ts";

/** Code of an application whose types a page has augmented, with `VIEWS` for what it reads. */
const APPLICATIONS = {
  express: `
import express from "express";
express().get("/", (req) => {
  VIEWS = req.session.data.views;
});`,
  fastify: `
import fastify from "fastify";
fastify().get("/", async (request) => {
  VIEWS = request.session.data.views;
});`,
  hono: `
import { Hono } from "hono";
new Hono().get("/", (c) => {
  VIEWS = c.get("session").data.views;
  return c.text("");
});`,
  koa: `
import Koa from "koa";
new Koa().use(async (ctx) => {
  VIEWS = (await ctx.session()).data.views;
});`,
  sveltekit: `
declare const locals: App.Locals;
VIEWS = locals.session.data.views;`,
};

test("the augmentations in the pages of the adapters declare the session and the type of its data", async () => {
  const right = Object.entries(APPLICATIONS).map((each) =>
    augmented(each, "const views: number | undefined"),
  );
  const wrong = Object.entries(APPLICATIONS).map((each) => augmented(each, "const views: string"));
  const errors = await compileErrors([...right, ...wrong]);
  expect(errors).toEqual(
    wrong.map(({ path }) =>
      expect.stringMatching(new RegExp(`^${path}:\\d+: error TS2322: .*'number \\| undefined'`)),
    ),
  );
});

/** Returns the page's augmentation, followed by an application that uses it. */
function augmented([adapter, application]: readonly [string, string], variable: string): CodeBlock {
  const path = `docs/reference/adapters/${adapter}.md`;
  const blocks = readPages().flatMap((page) => (page.path === path ? codeBlocks(page) : []));
  const block = blocks.find(({ code }) => /^declare (global|module)/m.test(code));
  if (block === undefined) throw new Error(`${path} has no augmentation.`);
  return { ...block, code: `${block.code}${application.replace("VIEWS", variable)}\n` };
}
