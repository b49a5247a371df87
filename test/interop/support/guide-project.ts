import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { run } from "../../../scripts/lib/processes.mjs";
import { inProject } from "../../../scripts/lib/project.mjs";
import { deleteFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { SECRET } from "./django-peer.ts";
import type { DjangoSite } from "./django-site.ts";
import type { Django } from "./djangos.ts";
import { NODE_OPTIONS, NodeProgram } from "./node-program.ts";

/** Parts of a project. */
export interface GuideProjectOptions {
  readonly django: Django;
  readonly redisUrl: string;
  readonly postgres: { readonly host: string; readonly user: string; readonly database: string };
  /** Texts by their paths in the project. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * The folder of somebody who follows the guide for Django: a project of Django's, and programs of Node's
 * beside it.
 */
export class GuideProject {
  readonly #folder: string;
  readonly #django: Django;
  readonly #env: Readonly<Record<string, string>>;

  constructor({ django, redisUrl, postgres: { host, user, database }, files }: GuideProjectOptions) {
    // Inside of the project, so that programs find the packages.
    mkdirSync(inProject("tmp-examples"), { recursive: true });
    this.#folder = mkdtempSync(inProject("tmp-examples", "django-"));
    this.#django = django;
    this.#env = {
      REDIS_URL: redisUrl,
      SECRET_KEY: SECRET,
      DATABASE_URL: `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(host)}`,
    };
    for (const [file, text] of Object.entries(files)) this.write(file, text);
    // `npx sojourn`, as where the package is installed.
    const command = `exec node ${NODE_OPTIONS.join(" ")} "${inProject("src", "cli", "main.ts")}" "$@"`;
    chmodSync(this.write("bin/npx", `#!/bin/sh\nshift\n${command}\n`), 0o755);
  }

  /** @returns Its path. */
  write(file: string, text: string): string {
    const path = join(this.#folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /** Runs a block of `sh`. @returns What it prints. @throws {Error} When it fails. */
  async shell(command: string): Promise<string> {
    const places = [join(this.#folder, "bin"), dirname(this.#django.python), dirname(process.execPath)];
    const path = [...places, process.env["PATH"]].join(delimiter);
    const env = { ...this.#env, PATH: path, PYTHONDONTWRITEBYTECODE: "1" };
    const { status, output } = await run("sh", ["-c", command], { cwd: this.#folder, env });
    if (status !== 0) throw new Error(`${command} ended with ${status}:\n${output}`);
    return output;
  }

  /** @returns The settings that the guide's command dumps. */
  async dump(command: string): Promise<Record<string, unknown>> {
    await this.shell(command);
    return JSON.parse(readFileSync(join(this.#folder, "django-settings.json"), "utf8")) as Record<
      string,
      unknown
    >;
  }

  /** Starts a program in TypeScript. */
  program(file: string, code: string, env: Readonly<Record<string, string>> = {}): NodeProgram {
    return new NodeProgram(this.write(file, code), { cwd: this.#folder, env: { ...this.#env, ...env } });
  }

  delete(): void {
    deleteFolder(this.#folder);
  }
}

/** Runs Python with the settings of a running site. @returns What it prints. @throws {Error} When it fails. */
export async function runInSite(django: Django, site: DjangoSite, code: string): Promise<string> {
  const folder = temporaryFolder();
  const file = join(folder, "program.py");
  writeFileSync(file, `import django\ndjango.setup()\n${code}`);
  const env = {
    PYTHONPATH: inProject("test", "interop", "site"),
    DJANGO_SETTINGS_MODULE: "settings",
    SITE_SETTINGS: JSON.stringify(site.settings),
  };
  const { status, output } = await run(django.python, ["-B", "-X", "utf8", file], { cwd: folder, env });
  if (status !== 0) throw new Error(`Python ended with ${status}:\n${output}`);
  return output.trim();
}
