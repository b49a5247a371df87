import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Cache } from "sojourn";
import { run } from "../../../scripts/lib/processes.mjs";
import { inProject } from "../../../scripts/lib/project.mjs";
import { codeBlocks } from "../../docs/markdown.ts";
import { MemcachedServer } from "../../support/memcached-server.ts";
import { deleteFolder, makeTemporaryFolder } from "../../support/temporary-folder.ts";
import { rawMemcached } from "../../support/raw-memcached.ts";
import { type DjangoCacheClient, SharedCaches } from "./shared-cache.ts";
import { DjangoSite } from "./django-site.ts";
import type { Django } from "./djangos.ts";

export const GUIDE = "docs/guides/django-memcached.md";
const BACKEND = "django.core.cache.backends.memcached";

/** The timeout of the settings, which differs from Django's 300. */
export const TIMEOUT = 500;

/** The class that the guide shows, by its file name. */
export const SERDE: Readonly<Record<string, string>> = {
  "sojourn_serde.py": pythonBlock("# sojourn_serde.py"),
};

/** A Django site with caches on memcached, and Node beside it. */
export class MemcachedSite {
  readonly site: DjangoSite;
  readonly shared: SharedCaches;
  readonly #servers: readonly MemcachedServer[];

  private constructor(site: DjangoSite, servers: readonly MemcachedServer[]) {
    this.site = site;
    this.shared = new SharedCaches(site);
    this.#servers = servers;
  }

  /**
   * The caches: `default` with the guide's serde, on several servers; `plain` with pymemcache's own;
   * and `libmc` by pylibmc where this Python has it. With `isModelled` there is `model` as well, a
   * `LocMemCache`.
   */
  static async start(django: Django, { isModelled = false } = {}): Promise<MemcachedSite> {
    const servers = [
      await MemcachedServer.start(),
      await MemcachedServer.start(),
      await MemcachedServer.start(),
    ];
    const [first] = servers;
    const common = { TIMEOUT, LOCATION: first?.path };
    const CACHES = {
      default: {
        BACKEND: `${BACKEND}.PyMemcacheCache`,
        KEY_PREFIX: "d",
        TIMEOUT,
        LOCATION: servers.map(({ path }) => `unix:${path}`),
        OPTIONS: { serde: "sojourn_serde.SojournSerde" },
      },
      plain: { BACKEND: `${BACKEND}.PyMemcacheCache`, KEY_PREFIX: "p", VERSION: 7, ...common },
      ...((await hasPylibmc(django)) && {
        libmc: {
          BACKEND: `${BACKEND}.PyLibMCCache`,
          KEY_PREFIX: "l",
          TIMEOUT,
          LOCATION: servers.map(({ path }) => path),
        },
      }),
      ...(isModelled && { model: { BACKEND: "django.core.cache.backends.locmem.LocMemCache", TIMEOUT } }),
    };
    const site = await DjangoSite.start({ django, modules: SERDE, engine: "cache", settings: { CACHES } });
    return new MemcachedSite(site, servers);
  }

  node(alias: string): Cache {
    return this.shared.node(alias);
  }

  django(alias: string): DjangoCacheClient {
    return this.shared.django(alias);
  }

  /** Sends a line of memcached's protocol to the first server. @returns Its answer. */
  raw(line: string): Promise<string> {
    return rawMemcached(this.#servers[0]?.path ?? "", line);
  }

  async stop(): Promise<void> {
    await this.shared.close();
    await this.site.stop();
    for (const server of this.#servers) await server.stop();
  }
}

/** Whether the environment has pylibmc: there are wheels for some versions of Python alone. */
export async function hasPylibmc({ python }: Django): Promise<boolean> {
  return (await run(python, ["-c", "import pylibmc"])).status === 0;
}

/** @returns `str()` of the guide's serde, as a dump of the settings has it. */
export async function dumpOfSerde({ python }: Django): Promise<string> {
  const folder = makeTemporaryFolder("sojourn-serde");
  try {
    const code = `${SERDE["sojourn_serde.py"]}\nprint(SojournSerde())`;
    const { output } = await run(python, ["-c", code.replace("# sojourn_serde.py", "")], { cwd: folder });
    return output.trim();
  } finally {
    deleteFolder(folder);
  }
}

function pythonBlock(text: string): string {
  const blocks = codeBlocks({ path: GUIDE, text: readFileSync(inProject(join(GUIDE)), "utf8") });
  const block = blocks.find(({ language, code }) => language === "python" && code.startsWith(text));
  if (block === undefined) throw new Error(`${GUIDE} has no block ${text}.`);
  return block.code;
}
