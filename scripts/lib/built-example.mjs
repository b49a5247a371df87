// @ts-check
// The examples that a bundler builds, with packages of their own. Each is built once for each state of its sources.
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lock } from "proper-lockfile";
import { runBundler } from "./bundler.mjs";
import { withoutOtherBuilds } from "./dist-lock.mjs";
import { installExample } from "./install.mjs";
import { run } from "./processes.mjs";
import { inProject, readJson } from "./project.mjs";

const GENERATED = new Set([
  "node_modules",
  ".svelte-kit",
  ".react-router",
  ".nitro",
  "build",
  ".cache",
  "test",
]);
const MINUTE = 60_000;

/** An example in `examples/`, and applications of tests that need its packages. */
export class BuiltExample {
  /** @readonly */
  #name;
  /** @readonly */
  #command;

  /**
   * @param {string} name Name of its folder.
   * @param {readonly string[]} command The script that builds, within its `node_modules`, and its arguments.
   */
  constructor(name, command) {
    this.#name = name;
    this.#command = command;
  }

  get #folder() {
    return inProject("examples", this.#name);
  }

  /**
   * Builds the example, unless it is built already.
   *
   * @returns {Promise<string>} Folder of the built server.
   */
  build() {
    return this.#locked(async () => {
      const hash = this.#hashOf([this.#folder, inProject("examples", "shared"), inProject("src")]);
      if (!isBuilt(this.#folder, hash)) {
        await withoutOtherBuilds(() => this.#provideSojourn());
        await this.#build(this.#folder, hash);
      }
      return join(this.#folder, "build");
    });
  }

  /**
   * Builds an application of tests, unless it is built already.
   *
   * @param {string} sources Its folder.
   * @returns {Promise<string>} Folder of the built server.
   */
  buildApplication(sources) {
    return this.#locked(async () => {
      // Within the example, whose packages it needs.
      const folder = join(this.#folder, ".cache", "application");
      const hash = this.#hashOf([sources]);
      if (!isBuilt(folder, hash)) {
        rmSync(folder, { recursive: true, force: true });
        cpSync(sources, folder, { recursive: true });
        await this.#build(folder, hash);
      }
      return join(folder, "build");
    });
  }

  /**
   * Another process that builds is waited for.
   *
   * @template Result
   * @param {() => Promise<Result>} work
   */
  async #locked(work) {
    mkdirSync(join(this.#folder, ".cache"), { recursive: true });
    const release = await lock(this.#folder, {
      lockfilePath: join(this.#folder, ".cache", "lock"),
      retries: { retries: 600, minTimeout: 500, maxTimeout: 500 },
      stale: MINUTE,
    });
    try {
      if (!(await installExample(this.#name)))
        throw new Error(`The packages of examples/${this.#name} are missing.`);
      return await work();
    } finally {
      await release();
    }
  }

  /** Puts the package, with its dependencies, where npm would. */
  async #provideSojourn() {
    const { status, output } = await run(process.execPath, [inProject("scripts", "build.mjs")]);
    if (status !== 0) throw new Error(`Cannot build the package:\n${output}`);
    const target = join(this.#folder, "node_modules", "sojourn");
    rmSync(target, { recursive: true, force: true });
    cpSync(inProject("dist"), join(target, "dist"), { recursive: true });
    cpSync(inProject("package.json"), join(target, "package.json"));
    // The framework may have another version of one of them.
    for (const dependency of Object.keys(readJson(inProject("package.json")).dependencies))
      cpSync(inProject("node_modules", dependency), join(target, "node_modules", dependency), {
        recursive: true,
      });
  }

  /** @param {string} folder @param {string} hash */
  async #build(folder, hash) {
    const [script = "", ...args] = this.#command;
    await runBundler(folder, [join(this.#folder, "node_modules", script), ...args], {
      cwd: folder,
      env: { NODE_ENV: "production" },
    });
    writeFileSync(join(folder, "build", "sources"), hash);
  }

  /** @param {readonly string[]} folders */
  #hashOf(folders) {
    const hash = createHash("sha256").update(readFileSync(join(this.#folder, "package-lock.json")));
    for (const path of folders.flatMap((folder) => filesIn(folder)))
      hash.update(path).update(readFileSync(path));
    return hash.digest("hex");
  }
}

/** @param {string} folder @param {string} hash */
function isBuilt(folder, hash) {
  const stamp = join(folder, "build", "sources");
  return existsSync(stamp) && readFileSync(stamp, "utf8") === hash;
}

/** @param {string} folder @returns {string[]} */
function filesIn(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (GENERATED.has(entry.name)) return [];
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}
