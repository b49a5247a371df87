import { type Cache, createSojourn, type Sojourn } from "sojourn";
import { djangoSettings, type FromDjangoSettings } from "sojourn/django";
import { COMPRESSORS } from "./compressors.ts";
import type { DjangoSite } from "./django-site.ts";
import { SECRET } from "./django-peer.ts";
import type { SiteVisitor } from "./site-visitor.ts";

/** A call of a method of Django's cache that has failed. */
export interface DjangoError {
  /** Name of the exception. */
  readonly error: string;
}

/** The caches of a Django site, at both sides: Node's settings are made of the site's. */
export class SharedCaches {
  readonly unsupported: FromDjangoSettings["unsupported"];
  readonly #site: DjangoSite;
  readonly #sojourn: Sojourn<object>;

  constructor(site: DjangoSite) {
    const { settings, unsupported } = djangoSettings(
      { SECRET_KEY: SECRET, ...site.settings },
      { compressors: COMPRESSORS },
    );
    const caches = Object.entries(settings.caches ?? {}).map(([alias, cache]) => {
      // Two busy processors: an answer may take its time.
      return [alias, { ...cache, deadline: "20s" }] as const;
    });
    this.unsupported = unsupported;
    this.#site = site;
    this.#sojourn = createSojourn<object>({ ...settings, caches: Object.fromEntries(caches) });
  }

  node(alias: string): Cache {
    const cache = this.#sojourn.caches[alias];
    if (cache === undefined) throw new Error(`There is no cache ${alias}.`);
    return cache;
  }

  has(alias: string): boolean {
    return this.#sojourn.caches[alias] !== undefined;
  }

  django(alias: string): DjangoCacheClient {
    return new DjangoCacheClient(this.#site.visitor(), alias);
  }

  /** Renders a part of a page that Django keeps in its cache `default`. */
  fragment(part: { readonly name: string; readonly vary: unknown; readonly text: string }): Promise<string> {
    return this.#site.visitor().post("/fragment", part);
  }

  close(): Promise<void> {
    return this.#sojourn.close();
  }
}

/** Django's side of one cache. */
export class DjangoCacheClient {
  readonly #visitor: SiteVisitor;
  readonly #alias: string;

  constructor(visitor: SiteVisitor, alias: string) {
    this.#visitor = visitor;
    this.#alias = alias;
  }

  /** Calls a method by Django's name: what it gives, or a {@link DjangoError}. `None` comes as `null`. */
  call(
    operation: string,
    args: readonly unknown[],
    options: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> {
    return this.#visitor.post("/cache", { operation, arguments: args, options, cache: this.#alias });
  }
}
