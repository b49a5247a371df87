import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../scripts/lib/processes.mjs";
import { inProject, root } from "../../scripts/lib/project.mjs";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { readPages, relativeLinks } from "../docs/markdown.ts";
import { installTested, makeConsumer, packTarball, runScript } from "./consumer.ts";
import { exportTargets } from "./export-locations.ts";

const targets = exportTargets(root);
/** Exports made of classes of a library, and the packages that they import. */
const IMPORTING = new Map([
  ["sojourn/adapters/nest", ["@nestjs/common", "@nestjs/core", "reflect-metadata", "rxjs"]],
  ["sojourn/integrations/rate-limiter-flexible", ["rate-limiter-flexible"]],
]);

const specifiers = [...targets.keys()]
  .map((subpath) => `sojourn${subpath.slice(1)}`)
  .filter((specifier) => !IMPORTING.has(specifier));

/** Code that an application may write, with the types that it may rely on. */
const APPLICATION = `
import { createSojourn, isSojournError, SessionInterrupted } from "sojourn";
import { expressSessions } from "sojourn/adapters/express";
import { fastifySessions } from "sojourn/adapters/fastify";
import { fetchSessions } from "sojourn/adapters/fetch";
import { h3Sessions } from "sojourn/adapters/h3";
import { honoSessions } from "sojourn/adapters/hono";
import { koaSessions } from "sojourn/adapters/koa";
import { nextSessions } from "sojourn/adapters/next";
import { nodeSessions } from "sojourn/adapters/node";
import { reactRouterSessions } from "sojourn/adapters/react-router";
import { sveltekitSessions } from "sojourn/adapters/sveltekit";
import { memorySessionStore } from "sojourn/stores/memory";
import { redisSessionStore } from "sojourn/stores/redis";

interface Data {
  cart?: string[];
}

const { sessions, close } = createSojourn<Data>({
  projectName: "consumer",
  secretKey: "a secret that is only for this test",
  sessions: { store: process.env["REDIS_URL"] ? redisSessionStore() : memorySessionStore() },
});

export const middleware = expressSessions(sessions);
export const plugin = fastifySessions(sessions);
export const koaMiddleware = koaSessions(sessions);
export const handle = sveltekitSessions(sessions);
export const routeMiddleware = [reactRouterSessions(sessions)];
export const h3Middleware = h3Sessions(sessions);
export const honoMiddleware = honoSessions(sessions);
export const handler = fetchSessions(sessions, async (request) => {
  const session = await sessions.from(request);
  return Response.json(session.data.cart ?? []);
});
export const { withSession } = nextSessions(sessions);

export const listener = nodeSessions(sessions, async (req, res) => {
  try {
    const session = await sessions.from(req);
    const cart: string[] | undefined = session.data.cart;
    // @ts-expect-error A cart is a list of texts.
    session.data.cart = [1];
    res.end(JSON.stringify(cart ?? []));
  } catch (error) {
    if (error instanceof SessionInterrupted) res.statusCode = error.statusCode;
    res.end(isSojournError(error) ? error.code : "unknown");
  }
});

export const end: Promise<void> = close();
`;

const NEST_APPLICATION = `
import { Module } from "@nestjs/common";
import { createSojourn, type Session } from "sojourn";
import { CurrentSession, SessionsModule } from "sojourn/adapters/nest";

const { sessions } = createSojourn<{ views?: number }>({
  projectName: "consumer",
  secretKey: "a secret that is only for this test",
});

export class Pages {
  home(@CurrentSession() session: Session<{ views?: number }>): number | undefined {
    return session.data.views;
  }
}

@Module({ imports: [SessionsModule.forRoot(sessions)] })
export class AppModule {}
`;

const compilerOptions = {
  target: "es2023",
  lib: ["es2023"],
  types: ["node"],
  strict: true,
  noEmit: true,
  experimentalDecorators: true,
};
const COMPILED = { status: 0, output: "" };

const COMPILERS = {
  "TypeScript 7": ["@typescript", "native", "bin", "tsc"],
  "TypeScript 6": ["typescript", "bin", "tsc6"],
};
const RESOLUTIONS = {
  nodenext: { ...compilerOptions, module: "nodenext", moduleResolution: "nodenext" },
  bundler: { ...compilerOptions, module: "esnext", moduleResolution: "bundler" },
};

type Combination = readonly [compiler: keyof typeof COMPILERS, resolution: keyof typeof RESOLUTIONS];

const combinations = Object.keys(COMPILERS).flatMap((compiler) =>
  Object.keys(RESOLUTIONS).map((resolution) => [compiler, resolution]),
) as unknown as Combination[];

describe("the packed tarball, installed in an empty application", () => {
  let folder: string;
  let application: string;
  let installed: string;

  beforeAll(async () => {
    folder = makeTemporaryFolder();
    application = join(folder, "application");
    installed = join(application, "node_modules", "sojourn");
    await makeConsumer(application, await packTarball(folder));
  });

  afterAll(() => deleteFolder(folder));

  test.for([...targets])("has the files of the export %s", ([, target]) => {
    const files = Object.values(target) as string[];
    expect(files.filter((file) => !existsSync(join(installed, file)))).toEqual([]);
  });

  test("finds nothing by its own place on disk, which a bundled program has not", () => {
    const modules = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" }).filter(
      (file) => file.endsWith(".js"),
    );
    expect(modules.length).toBeGreaterThan(0);
    const texts = modules.map((file) => [file, readFileSync(join(installed, "dist", file), "utf8")] as const);
    const bound = texts.filter(([, text]) => /import\.meta|createRequire|__dirname|__filename/.test(text));
    expect(bound.map(([file]) => file)).toEqual([]);
  });

  test("has no tests, and nothing but what is meant to be published", () => {
    const files = readdirSync(installed, { recursive: true, encoding: "utf8" });
    expect(files.filter((file) => /\.test(-d)?\./.test(file))).toEqual([]);
    const top = readdirSync(installed).toSorted();
    const pages = ["CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"];
    expect(top).toEqual([...pages, "dist", "docs", "package.json", "src"]);
  });

  test("has every file that its README and its documentation link to", () => {
    const pages = readPages().filter(({ path }) => existsSync(join(installed, path)));
    expect(pages.map(({ path }) => path)).toContain("docs/guides/first-session.md");
    const links = pages.flatMap((page) =>
      relativeLinks(page).map((link) => ({ page: page.path, path: link.path })),
    );
    expect(links.filter(({ path }) => !existsSync(join(installed, path)))).toEqual([]);
  });

  test.for(specifiers)("import %s works without the optional peers", async (specifier) => {
    const file = `import-${specifiers.indexOf(specifier)}.mjs`;
    await writeFiles(application, {
      [file]: `const module = await import("${specifier}");\nconsole.log(Object.keys(module).length);\n`,
    });
    expect(Number(await runScript(application, file))).toBeGreaterThan(0);
  });

  // Node 20.19 and newer can require() an ES module, but for one that awaits at its top level.
  test.for(specifiers)("require of %s works, so no module awaits at its top level", async (specifier) => {
    const file = `require-${specifiers.indexOf(specifier)}.cjs`;
    await writeFiles(application, { [file]: `console.log(Object.keys(require("${specifier}")).length);\n` });
    expect(Number(await runScript(application, file))).toBeGreaterThan(0);
  });

  test("what takes the place of express-session is a function for require, with its classes", async () => {
    const script =
      'const session = require("sojourn/integrations/express-session");\n' +
      "console.log(typeof session({ secret: 'a' }), typeof session.Store);\n";
    await writeFiles(application, { "express-session.cjs": script });
    expect(await runScript(application, "express-session.cjs")).toBe("function function\n");
  });

  test("its command runs", async () => {
    const command = join(application, "node_modules", ".bin", "sojourn");
    const { status, output } = await run(command, ["--help"], { cwd: application });
    expect({ status, output }).toEqual({
      status: 0,
      output: expect.stringContaining("sojourn migrate-pickles") as unknown,
    });
  });

  describe("its types", () => {
    beforeAll(async () => {
      await installTested(application, ["@types/node"]);
      await writeFiles(application, { "application.ts": APPLICATION });
    });

    test.for(combinations)(
      "fit %s with moduleResolution %s, without the types of optional peers",
      async (combination) => {
        expect(await compile("application.ts", combination)).toEqual(COMPILED);
      },
    );
  });

  describe.for([...IMPORTING])("%s, with its library", ([specifier, packages]) => {
    beforeAll(() => installTested(application, packages));

    test("can be imported, and required", async () => {
      await writeFiles(application, {
        "import-library.mjs": `console.log(Object.keys(await import("${specifier}")).length);\n`,
        "require-library.cjs": `console.log(Object.keys(require("${specifier}")).length);\n`,
      });
      for (const file of ["import-library.mjs", "require-library.cjs"])
        expect(Number(await runScript(application, file))).toBeGreaterThan(0);
    });
  });

  test.for(combinations)(
    "the types of sojourn/adapters/nest fit %s with moduleResolution %s",
    async (combination) => {
      await writeFiles(application, { "nest.ts": NEST_APPLICATION });
      expect(await compile("nest.ts", combination)).toEqual(COMPILED);
    },
  );

  async function compile(file: string, [compiler, resolution]: Combination): ReturnType<typeof run> {
    const config = `tsconfig.${compiler.slice(-1)}.${resolution}.json`;
    const options = { compilerOptions: RESOLUTIONS[resolution], files: [file] };
    await writeFiles(application, { [config]: JSON.stringify(options) });
    const tsc = inProject("node_modules", ...COMPILERS[compiler]);
    return run(process.execPath, [tsc, "--project", config], { cwd: application });
  }
});
