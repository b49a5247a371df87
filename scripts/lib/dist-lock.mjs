// @ts-check
import { mkdirSync } from "node:fs";
import { lock } from "proper-lockfile";
import { inProject, root } from "./project.mjs";

/** Patience with a build of another process: 3 minutes, with looks every 300 ms. */
const RETRIES = { retries: 600, minTimeout: 300, maxTimeout: 300 };

/**
 * Does something with dist/ while no other process builds it: a build replaces the folder, and tests
 * that build or copy it run side by side.
 *
 * @template Result
 * @param {() => Promise<Result>} work
 * @returns {Promise<Result>}
 */
export async function withoutOtherBuilds(work) {
  mkdirSync(inProject(".cache"), { recursive: true });
  const release = await lock(root, { lockfilePath: inProject(".cache", "pack.lock"), retries: RETRIES });
  try {
    return await work();
  } finally {
    await release();
  }
}
