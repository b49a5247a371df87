import type { ServerBuild } from "react-router";

/** The module of a route. One without `default` is a resource route. */
export interface RouteModule {
  readonly middleware?: readonly unknown[];
  readonly loader?: unknown;
  readonly action?: unknown;
  readonly default?: unknown;
}

/** `app/entry.server.tsx`. */
export interface EntryModule {
  default(request: Request, status: number, headers: Headers, context: unknown): Response | Promise<Response>;
  handleError(error: unknown): void;
}

const ENTRY: EntryModule = {
  default: (_request, status) => new Response("a page", { status }),
  handleError() {},
};

/** Returns a build as of `react-router build`: a root route, and others by path. */
export function serverBuild(
  root: RouteModule,
  routes: Readonly<Record<string, RouteModule>>,
  entry: Partial<EntryModule> = {},
): ServerBuild {
  const children = Object.entries(routes).map(([path, module]) => [
    path,
    { id: path, parentId: "root", path: path.slice(1), module },
  ]);
  return {
    entry: { module: { ...ENTRY, ...entry } },
    routes: {
      root: { id: "root", path: "", module: { default: () => null, ...root } },
      ...(Object.fromEntries(children) as object),
    },
    assets: { entry: { module: "", imports: [] }, routes: {}, url: "", version: "" },
    assetsBuildDirectory: "",
    basename: "/",
    future: { v8_middleware: true },
    isSpaMode: false,
    prerender: [],
    publicPath: "/",
    routeDiscovery: { mode: "initial", manifestPath: "/__manifest" },
    ssr: true,
  } as unknown as ServerBuild;
}
