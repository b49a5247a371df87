import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { inProject } from "../../../scripts/lib/project.mjs";
import { deleteFolder, makeTemporaryFolder } from "../../support/temporary-folder.ts";
import type { Django } from "./djangos.ts";
import { type SiteSettingsOptions, siteSettings } from "./site-settings.ts";
import { SiteVisitor } from "./site-visitor.ts";

/** The user that each site has. Its id is 1. */
export const USER = { user: "ada", password: "correct horse" };

/** Settings of a site. */
export interface DjangoSiteOptions extends Omit<SiteSettingsOptions, "folder"> {
  /** Which Django. */
  readonly django: Django;
  /** Modules of Python that the site can import: their code by their file names. */
  readonly modules?: Readonly<Record<string, string>>;
}

const MAX_OUTPUT = 8000;

const running = new Set<ChildProcessWithoutNullStreams>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A running Django site (`test/interop/site`), with files of its own. */
export class DjangoSite {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  /** All settings that are not those of `site/settings.py`: a JSON dump of them, by Django's names. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly #folder: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #output: ErrorOutput;

  private constructor(url: string, settings: Record<string, unknown>, folder: string, output: ErrorOutput) {
    this.url = url;
    this.settings = settings;
    this.#folder = folder;
    this.#process = output.child;
    this.#output = output;
  }

  /** The last that it has printed about failures: tracebacks. */
  get errors(): string {
    return this.#output.text;
  }

  /** Starts it, with its tables and its user, and waits until it can be visited. */
  static async start({ django, modules = {}, ...options }: DjangoSiteOptions): Promise<DjangoSite> {
    const folder = makeTemporaryFolder("sojourn-django");
    for (const [file, code] of Object.entries(modules)) writeFileSync(join(folder, file), code);
    const settings = siteSettings({ ...options, folder });
    // -B: no __pycache__ among the tests.
    const args = [
      "-B",
      "-X",
      "utf8",
      inProject("test", "interop", "site", "serve.py"),
      USER.user,
      USER.password,
    ];
    const env = { ...process.env, SITE_SETTINGS: JSON.stringify(settings), PYTHONPATH: folder };
    const output = new ErrorOutput(spawn(django.python, args, { env }));
    const url = await addressOf(output, django.title);
    return new DjangoSite(url, settings, folder, output);
  }

  /** A browser on this site. @param cookies A Cookie header that it comes with. */
  visitor(cookies?: string): SiteVisitor {
    return new SiteVisitor(this.url, cookies, () => this.errors);
  }

  /** Ends it and deletes its files. */
  async stop(): Promise<void> {
    const child = this.#process;
    running.delete(child);
    if (child.exitCode === null && child.signalCode === null) {
      child.stdin.end();
      await once(child, "exit");
    }
    deleteFolder(this.#folder);
  }
}

/** Standard error of a process. */
class ErrorOutput {
  readonly child: ChildProcessWithoutNullStreams;
  text = "";

  constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child;
    child.stderr.on(
      "data",
      (chunk: Buffer) => (this.text = (this.text + chunk.toString()).slice(-MAX_OUTPUT)),
    );
    // A process that has ended is noticed by its end.
    child.stdin.on("error", () => {});
    running.add(child);
  }
}

/** The first line that a site prints. */
async function addressOf(output: ErrorOutput, title: string): Promise<string> {
  const { child } = output;
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("error", reject);
    child.once("close", () => reject(new Error(`The site on ${title} ended.\n${output.text}`)));
  });
}
