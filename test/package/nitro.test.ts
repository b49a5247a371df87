import { cp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type StartedExample, startProgram } from "../../examples/shared/test/start-example.ts";
import { installInto } from "../../scripts/lib/application.mjs";
import { runBundler } from "../../scripts/lib/bundler.mjs";
import { inProject } from "../../scripts/lib/project.mjs";
import { deleteFolder, makeTemporaryFolder, writeFiles } from "../support/temporary-folder.ts";
import { makeConsumer, packTarball } from "./consumer.ts";

const COUNT = `async (event) => {
  const session = await sessions.from(event);
  session.data.views = (session.data.views ?? 0) + 1;
  return { views: session.data.views };
}`;

/** Files of both applications, beside those that mount the sessions. */
function routes(imports: string, handler: string, redirect: string): Record<string, string> {
  const route = (body: string): string =>
    `${imports}\nimport { sessions, state } from "../sessions.ts";\nexport default ${handler}(${body});\n`;
  return {
    "server/routes/count.ts": route(COUNT),
    "server/routes/plain.ts": route('() => "plain"'),
    "server/routes/fail.ts": route(`async (event) => {
      const session = await sessions.from(event);
      await session.login(7);
      throw new Error("a fault of the handler, as the test asked");
    }`),
    "server/routes/redirect.ts": route(`async (event) => {
      (await sessions.from(event)).data.views = 10;
      return ${redirect};
    }`),
    "server/routes/missing.ts": route(`async (event) => {
      (await sessions.from(event)).data.views = 20;
      return new Response("sold out", { status: 404 });
    }`),
    "server/routes/down.ts": route('() => { state.isDown = true; return "down"; }'),
    "server/routes/up.ts": route('() => { state.isDown = false; return "up"; }'),
  };
}

const INNER = `import { sessions } from "../sessions.ts";
export default defineEventHandler(async (event) => {
  const { cookie } = event.node.req.headers;
  return event.$fetch("/count", { headers: { cookie } });
});`;

const CACHE_RULE = '{ "/rule/**": { swr: 60 } }';

/** Handlers whose responses go to all visitors. Those of `server/routes/rule` are cached by a route rule. */
const CACHED = Object.fromEntries(
  ["defineCachedEventHandler", "defineEventHandler"].flatMap((define) =>
    Object.entries({
      event: "return (await sessions.from(event)).data;",
      request: "return (await sessions.from(event.node.req)).data;",
      context: "return event.context.session?.data ?? {};",
    }).map(([name, body]) => [
      `server/routes/${define === "defineEventHandler" ? "rule" : "cached"}/${name}.ts`,
      `import { sessions } from "../../sessions.ts";\nexport default ${define}(async (event) => { ${body} });\n`,
    ]),
  ),
);

/** Server of Nitro 3. */
function serverOfNitro3(cache: string): Record<string, string> {
  return {
    "server/middleware/sessions.ts":
      'import { h3Sessions } from "sojourn/adapters/h3";\nimport { sessions } from "../sessions.ts";\n' +
      "export default h3Sessions(sessions);\n",
    ...routes(
      'import { defineHandler, redirect } from "nitro/h3";',
      "defineHandler",
      'redirect("/count", 303)',
    ),
    "server/routes/cached/event.ts": `import { defineCachedHandler } from "${cache}";
import { sessions } from "../../sessions.ts";
export default defineCachedHandler(async (event) => (await sessions.from(event)).data);
`,
    "server/routes/rule/event.ts": `import { defineHandler } from "nitro/h3";
import { sessions } from "../../sessions.ts";
export default defineHandler(async (event) => (await sessions.from(event)).data);
`,
  };
}

/** Server of Nitro 2, as it is and in Nuxt. */
function serverOfNitro2(options: string): Record<string, string> {
  return {
    "server/plugins/sessions.ts":
      'import { nitroSessions } from "sojourn/adapters/nitro";\nimport { sessions } from "../sessions.ts";\n' +
      `export default defineNitroPlugin(nitroSessions(sessions, ${options}));\n`,
    ...routes("", "defineEventHandler", 'sendRedirect(event, "/count", 303)'),
    "server/routes/inner.ts": INNER,
    ...CACHED,
  };
}

/** A page of Nuxt, whose session an API route reads, and a middleware begins. */
const PAGE = {
  "server/api/views.ts":
    "export default defineEventHandler((event) => ({ views: event.context.session.data.views ?? 0 }));\n",
  "server/middleware/begin.ts": `import { sessions } from "../sessions.ts";
export default defineEventHandler(async (event) => {
  if (event.path === "/begin") (await sessions.from(event)).data.views = 40;
});`,
  "app/app.vue": `<script setup>
const theme = useCookie("theme");
useCookie("seen").value = "yes";
const { data } = await useFetch("/api/views");
</script>
<template><p>{{ data.views }} views, {{ theme }}</p></template>`,
};

const APPLICATIONS = {
  "Nitro 2": {
    packages: ["nitropack@2.13.6"],
    script: "node_modules/nitropack/dist/cli/index.mjs",
    files: {
      "nitro.config.ts": `export default { srcDir: "server", compatibilityDate: "2026-11-01", routeRules: ${CACHE_RULE} };`,
      ...serverOfNitro2("{}"),
    },
  },
  // The newest that runs on Node 20: 4.4.6 asks for Node 22.
  "Nuxt 4": {
    packages: ["nuxt@4.4.5"],
    script: "node_modules/nuxt/bin/nuxt.mjs",
    files: {
      "nuxt.config.ts": `export default { compatibilityDate: "2026-11-01", telemetry: false, routeRules: ${CACHE_RULE} };`,
      ...serverOfNitro2("{ eager: true }"),
      ...PAGE,
    },
  },
  "Nitro 3": {
    packages: ["nitro@3.0.0"],
    script: "node_modules/nitro/dist/cli/index.mjs",
    files: {
      "nitro.config.mjs": `export default { srcDir: "server", routeRules: ${CACHE_RULE} };`,
      ...serverOfNitro3("nitro/runtime"),
    },
  },
  // On a later h3, with the cache of ocache.
  "Nitro 3, beta": {
    packages: ["nitro@3.0.260903-beta"],
    script: "node_modules/nitro/dist/cli/index.mjs",
    files: {
      "nitro.config.mjs": `export default { serverDir: "server", routeRules: ${CACHE_RULE} };`,
      ...serverOfNitro3("nitro/cache"),
    },
  },
};

describe.each(Object.entries(APPLICATIONS))("an application on %s", (name, { packages, script, files }) => {
  const isEager = name === "Nuxt 4";
  const isNitro3 = name.startsWith("Nitro 3");
  let folder: string;
  let server: StartedExample;

  beforeAll(async () => {
    folder = makeTemporaryFolder();
    const application = join(folder, "application");
    await writeFiles(application, files);
    await makeConsumer(application, await packTarball(folder));
    await installInto(application, packages);
    await cp(inProject("test/package/nitro/sessions.ts"), join(application, "server/sessions.ts"));
    await runBundler(name, [script, "build"], { cwd: application });
    server = await startProgram([".output/server/index.mjs"], {
      cwd: application,
      env: { PORT: "0", HOST: "127.0.0.1", NODE_ENV: "production" },
    });
  });

  afterAll(async () => {
    await server.stop();
    deleteFolder(folder);
  });

  async function ask(
    path: string,
    cookie = "",
  ): Promise<{ status: number; body: string; cookie: string; response: Response }> {
    const response = await fetch(server.url + path, { redirect: "manual", headers: { cookie } });
    const [set = cookie] = response.headers.getSetCookie().map((each) => each.split(";")[0] ?? "");
    return { status: response.status, body: await response.text(), cookie: set, response };
  }

  test("keeps sessions, and leaves pages without one alone", async () => {
    const first = await ask("/count");
    expect([first.status, JSON.parse(first.body)]).toEqual([200, { views: 1 }]);
    expect(JSON.parse((await ask("/count", first.cookie)).body)).toEqual({ views: 2 });
    const { response } = await ask("/plain", first.cookie);
    expect(response.headers.get("vary")?.includes("Cookie") ?? false).toBe(isEager);
    expect(response.headers.getSetCookie()).toEqual([]);
  });

  test("saves before a redirect, and before the answer to an error after a login", async () => {
    const redirected = await ask("/redirect");
    expect([redirected.status, redirected.response.headers.get("location")]).toEqual([303, "/count"]);
    expect(JSON.parse((await ask("/count", redirected.cookie)).body)).toEqual({ views: 11 });
    const failed = await ask("/fail");
    expect([failed.status, failed.cookie]).toEqual([500, expect.stringContaining("sessionid=")]);
    const missing = await ask("/missing");
    expect([missing.status, missing.body]).toEqual([404, "sold out"]);
    expect(JSON.parse((await ask("/count", missing.cookie)).body)).toEqual({ views: 21 });
  });

  test("a failed save is an error of the application, without cookie and page", async () => {
    const { cookie } = await ask("/count");
    await ask("/down");
    for (const path of ["/count", "/redirect"]) {
      const failed = await ask(path, cookie);
      expect([failed.status, failed.response.headers.getSetCookie()]).toEqual([500, []]);
      expect(failed.body).not.toContain("views");
    }
    await ask("/up");
    expect(JSON.parse((await ask("/count", cookie)).body)).toEqual({ views: 2 });
  });

  test.each(["/cached", "/rule"])(
    "a handler whose response goes to all visitors gets no session: %s",
    async (path) => {
      const { cookie } = await ask("/count");
      for (const read of isNitro3 ? ["event"] : ["event", "request", "context"]) {
        // Without `eager`, the context has none.
        const expected = read === "context" && !isEager ? 200 : 500;
        for (const sent of [cookie, ""]) {
          const { status, body, response } = await ask(`${path}/${read}`, sent);
          expect([read, status]).toEqual([read, expected]);
          expect(body).not.toContain("views");
          expect(response.headers.getSetCookie()).toEqual([]);
        }
      }
    },
  );

  test.each(name === "Nuxt 4" ? ["/"] : [])(
    "a page has the session of its visitor, beside other cookies: %s",
    async (path) => {
      const { cookie } = await ask("/count");
      const page = await ask(path, `theme=dark; ${cookie}; other=1`);
      expect(page.body).toContain("<p>1 views, dark</p>");
      expect(page.response.headers.get("vary")).toContain("Cookie");
      expect(page.response.headers.getSetCookie()).toEqual([expect.stringContaining("seen=yes")]);
      const begun = await ask("/begin");
      const names = begun.response.headers.getSetCookie().map((each) => each.split("=")[0]);
      expect(new Set(names)).toEqual(new Set(["seen", "sessionid"]));
    },
  );

  test.each(isNitro3 ? [] : ["/inner"])(
    "a request within the process has the session of its cookie: %s",
    async (path) => {
      const { cookie } = await ask("/count");
      expect(JSON.parse((await ask(path, cookie)).body)).toEqual({ views: 2 });
      expect(JSON.parse((await ask("/count", cookie)).body)).toEqual({ views: 3 });
    },
  );
});
