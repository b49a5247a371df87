import { type ControlClient, RedisServer } from "../../support/redis-server.ts";
import { LZ4, LZMA } from "./compressors.ts";
import { DjangoSite } from "./django-site.ts";
import type { Django } from "./djangos.ts";
import { SharedCaches } from "./shared-cache.ts";

export const CODEX = "codex_django.cache.backends.redis.RedisCache";
export const DJANGO_REDIS = "django_redis.cache.RedisCache";
export const CORE = "django.core.cache.backends.redis.RedisCache";
export const JSON_OPTION = { SERIALIZER: "django_redis.serializers.json.JSONSerializer" };

/** A text, or the first two bytes of compressed ones. */
export type Written = string | { readonly compressed: string };

/** A cache that both sides read and write, by its name at the site. */
export interface Kind {
  readonly title: string;
  readonly backend: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly version?: number;
  /** How each side writes the value {@link SAMPLE}. */
  readonly sample: { readonly django: Written; readonly node: Written };
  /** Whether the package can tell how long an entry lives. */
  readonly hasTtl: boolean;
  /** Whether `incr` works there. */
  readonly counts: boolean;
}

export const SAMPLE = { price: 1.5, é: ["ü😀", null, true], text: "a b ".repeat(20) };
export const COMPACT = `{"price":1.5,"é":["ü😀",null,true],"text":"${SAMPLE.text}"}`;
export const SPACED = String.raw`{"price": 1.5, "\u00e9": ["\u00fc\ud83d\ude00", null, true], "text": "${SAMPLE.text}"}`;

function bothCompressed(compressed: string): Kind["sample"] {
  return { django: { compressed }, node: { compressed } };
}

export const KINDS: Readonly<Record<"codex" | "lts", Readonly<Record<string, Kind>>>> = {
  codex: {
    default: {
      title: "codex-django's JSON",
      backend: CODEX,
      sample: { django: COMPACT, node: COMPACT },
      hasTtl: false,
      counts: false,
    },
  },
  lts: {
    default: {
      title: "the JSON of django-redis",
      backend: DJANGO_REDIS,
      options: JSON_OPTION,
      sample: { django: SPACED, node: COMPACT },
      hasTtl: true,
      counts: true,
    },
    zlib: {
      title: "django-redis with zlib",
      backend: DJANGO_REDIS,
      options: { ...JSON_OPTION, COMPRESSOR: "django_redis.compressors.zlib.ZlibCompressor" },
      sample: bothCompressed("789c"),
      hasTtl: true,
      counts: true,
    },
    gzip: {
      title: "django-redis with gzip, in version 7",
      backend: DJANGO_REDIS,
      options: { ...JSON_OPTION, COMPRESSOR: "django_redis.compressors.gzip.GzipCompressor" },
      version: 7,
      sample: bothCompressed("1f8b"),
      hasTtl: true,
      counts: true,
    },
    lz4: {
      title: "django-redis with LZ4, by lz4-napi",
      backend: DJANGO_REDIS,
      options: { ...JSON_OPTION, COMPRESSOR: LZ4 },
      sample: bothCompressed("0422"),
      hasTtl: true,
      counts: true,
    },
    lzma: {
      title: "django-redis with LZMA, by @napi-rs/lzma 1.4, which only reads compressed values",
      backend: DJANGO_REDIS,
      options: { ...JSON_OPTION, COMPRESSOR: LZMA },
      sample: { django: { compressed: "fd37" }, node: COMPACT },
      hasTtl: true,
      counts: true,
    },
  },
};

/** Caches whose values are pickles, but for integers. */
export const PICKLING: Readonly<Record<string, Pick<Kind, "title" | "backend">>> = {
  core: { title: "Django's own cache in Redis", backend: CORE },
  pickled: { title: "django-redis with its own serializer", backend: DJANGO_REDIS },
};

export const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  "",
  "text",
  "42",
  'é😀\u007f\u2028\u0000"\\/',
  "x".repeat(15),
  "long ".repeat(2000),
  0.1,
  -2.5e-7,
  1e300,
  [],
  {},
  [[], {}, [null]],
  SAMPLE,
  { 10: "ten", 9: "nine", constructor: null, nested: { deep: [{ deeper: {} }] } },
  Array.from({ length: 300 }, (_, index) => ({ index, label: `entry ${index}` })),
];

export const INTEGERS: readonly number[] = [0, 1, -1, 42, 2 ** 53 - 1, -(2 ** 53) + 1];

/** The timeout of the settings, which differs from Django's 300. */
export const TIMEOUT = 500;
/** A Django site with the caches of {@link Kind}s, and Node beside it, on one Redis. */
export class CacheSite {
  readonly redis: RedisServer;
  readonly client: ControlClient;
  readonly shared: SharedCaches;
  readonly #site: DjangoSite;

  private constructor(redis: RedisServer, client: ControlClient, site: DjangoSite) {
    this.redis = redis;
    this.client = client;
    this.shared = new SharedCaches(site);
    this.#site = site;
  }

  static async start(django: Django, aliases: Readonly<Record<string, Partial<Kind>>>): Promise<CacheSite> {
    const redis = await RedisServer.start();
    const CACHES = Object.fromEntries(
      Object.entries(aliases).map(([alias, { backend, options, version }]) => {
        const common = { LOCATION: redis.url, KEY_PREFIX: alias, TIMEOUT, VERSION: version ?? 1 };
        return [alias, { BACKEND: backend, ...common, ...(options && { OPTIONS: options }) }];
      }),
    );
    const site = await DjangoSite.start({
      django,
      engine: "file",
      redisUrl: redis.url,
      settings: { CACHES },
    });
    return new CacheSite(redis, await redis.client(), site);
  }

  async stop(): Promise<void> {
    await this.shared.close();
    await this.#site.stop();
    this.client.destroy();
    await this.redis.stop();
  }
}

/** By what tests are called, with the name of each. */
export function titled<Each extends { readonly title: string }>(
  kinds: Readonly<Record<string, Each>>,
): [title: string, alias: string, kind: Each][] {
  return Object.entries(kinds).map(([alias, kind]) => [kind.title, alias, kind]);
}
