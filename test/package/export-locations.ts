import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { pathToFileURL } from "node:url";

/** Kind of a thing that has one name in four places: folder, export, factory function, page. */
interface Kind {
  readonly folder: string;
  /** The end of the factory's name: `redis` gives `redisSessionStore`. */
  readonly factorySuffix: string;
}

const KINDS: readonly Kind[] = [
  { folder: "stores", factorySuffix: "SessionStore" },
  { folder: "adapters", factorySuffix: "Sessions" },
  { folder: "integrations", factorySuffix: "Store" },
];

/**
 * Factories that are named otherwise: Nest's are classes of modules, some libraries call their port a
 * storage, a driver or a cache, and some stores have caches alone.
 */
const FACTORIES = new Map([
  ["src/adapters/nest/index.ts", "SessionsModule"],
  ["src/integrations/apollo/index.ts", "apolloCache"],
  ["src/integrations/better-auth/index.ts", "betterAuthStorage"],
  ["src/integrations/graphql-response-cache/index.ts", "graphqlResponseCache"],
  ["src/integrations/nestjs-throttler/index.ts", "nestjsThrottlerStorage"],
  ["src/integrations/next-cache/index.ts", "nextCacheHandler"],
  ["src/integrations/unstorage/index.ts", "unstorageDriver"],
  ["src/stores/tiered/index.ts", "tieredCacheStore"],
  ["src/stores/dummy/index.ts", "dummyCacheStore"],
]);

/** The conditions of one export, in the order in which Node has to see them. */
export interface ExportTarget {
  readonly "@sojourn/source": string;
  readonly types: string;
  readonly default: string;
}

/** The exports map of a package without the plain files, such as `./package.json`. */
export function exportTargets(root: string): ReadonlyMap<string, ExportTarget> {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | ExportTarget>;
  };
  const entries = Object.entries(manifest.exports);
  return new Map(entries.filter((entry): entry is [string, ExportTarget] => typeof entry[1] !== "string"));
}

/**
 * Finds what is missing so that every export leads somewhere and every store, adapter and
 * integration has its four places.
 */
export async function findGaps(root: string): Promise<string[]> {
  const perKind = await Promise.all(KINDS.map((kind) => gapsOfKind(root, kind)));
  return [...gapsOfExports(root), ...perKind.flat()];
}

function gapsOfExports(root: string): string[] {
  return [...exportTargets(root)].flatMap(([subpath, target]) => {
    const wanted = wantedTarget(subpath);
    if (JSON.stringify(target) !== JSON.stringify(wanted)) {
      return [`exports["${subpath}"] is ${JSON.stringify(target)}, expected ${JSON.stringify(wanted)}`];
    }
    return existsSync(join(root, wanted["@sojourn/source"]))
      ? []
      : [`exports["${subpath}"] leads to ${wanted["@sojourn/source"]}, which does not exist`];
  });
}

function wantedTarget(subpath: string): ExportTarget {
  const place = (folder: string, file: string): string => `./${posix.join(folder, subpath, file)}`;
  return {
    "@sojourn/source": place("src", "index.ts"),
    types: place("dist", "index.d.ts"),
    default: place("dist", "index.js"),
  };
}

async function gapsOfKind(root: string, kind: Kind): Promise<string[]> {
  const gaps = await Promise.all(namesOf(root, kind).map((name) => gapsOfName(root, kind, name)));
  return gaps.flat();
}

/** Names that occur in any of the places, so that a page without a folder is found as well as the reverse. */
function namesOf(root: string, { folder }: Kind): string[] {
  const folders = list(join(root, "src", folder)).filter((entry) => entry.isDirectory());
  const pages = list(join(root, "docs", "reference", folder)).filter(
    ({ name }) => name.endsWith(".md") && name !== "README.md",
  );
  const exported = [...exportTargets(root).keys()].filter((subpath) => subpath.startsWith(`./${folder}/`));
  return [
    ...new Set([
      ...folders.map(({ name }) => name),
      ...pages.map(({ name }) => name.slice(0, -".md".length)),
      ...exported.map((subpath) => subpath.slice(`./${folder}/`.length)),
    ]),
  ];
}

function list(folder: string): ReturnType<typeof readDirectory> {
  return existsSync(folder) ? readDirectory(folder) : [];
}

function readDirectory(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

async function gapsOfName(root: string, { folder, factorySuffix }: Kind, name: string): Promise<string[]> {
  const index = `src/${folder}/${name}/index.ts`;
  const page = `docs/reference/${folder}/${name}.md`;
  const factory = FACTORIES.get(index) ?? `${camelCase(name)}${factorySuffix}`;
  const gaps: string[] = [];
  if (!exportTargets(root).has(`./${folder}/${name}`))
    gaps.push(`package.json has no export ./${folder}/${name}`);
  if (!existsSync(join(root, page))) gaps.push(`${page} does not exist`);
  if (!existsSync(join(root, index))) return [...gaps, `${index} does not exist`];
  const module = (await import(pathToFileURL(join(root, index)).href)) as Record<string, unknown>;
  if (typeof module[factory] !== "function") gaps.push(`${index} does not export the function ${factory}`);
  return gaps;
}

function camelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
