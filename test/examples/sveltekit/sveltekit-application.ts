import type { Session } from "sojourn";
import { sveltekitSessions, type SvelteKitHandle } from "sojourn/adapters/sveltekit";
import type { AdapterTestApplication, AdapterTestData } from "sojourn/testing";
import { serve } from "../../integration/adapters/support/conformance.ts";
import type { StartApplication } from "../../integration/adapters/support/start-application.ts";
import { webAnswer } from "../../matrix/web-answers.mjs";
import type { BuiltApplication, Kit, TestEvent } from "./built-application.ts";

/** Expresses applications of the tests by hooks of the built application. */
export function startOn(application: BuiltApplication): StartApplication {
  return async (given) => {
    const handle = handleOf(given);
    const listener = application.listener(
      { handle, route: async (event, kit) => answer(given, event, kit) },
      { trustsProxy: given.trustsProxy },
    );
    return serve(given, listener);
  };
}

/** Mounts are one around the other, as by `sequence` of SvelteKit. */
function handleOf({ mounts, answerError }: AdapterTestApplication): SvelteKitHandle {
  return mounts
    .map(({ sessions, eager, crossSite }) =>
      sveltekitSessions(sessions, {
        eager,
        crossSite,
        onError(error) {
          const { status, body } = answerError(error);
          return new Response(body, { status });
        },
      }),
    )
    .reduceRight<SvelteKitHandle>(
      (inner, outer) =>
        ({ event, resolve }) =>
          outer({ event, resolve: async (given) => inner({ event: given, resolve }) }),
      async ({ event, resolve }) => resolve(event),
    );
}

/** SvelteKit answers an error that it does not know with the status 500, so that an endpoint tells the status. */
async function answer(
  { routes, answerError }: AdapterTestApplication,
  event: TestEvent,
  kit: Kit,
): Promise<Response> {
  const method = event.request.method === "HEAD" ? "GET" : event.request.method;
  const route = routes.find((each) => each.method === method && each.path === event.url.pathname);
  if (route === undefined) kit.error(404, "Not Found");
  const { session } = event.locals as { readonly session?: Session<AdapterTestData> };
  let given: Awaited<ReturnType<typeof route.handle>>;
  try {
    given = await route.handle(event, session);
  } catch (error) {
    const { status, body } = answerError(error);
    kit.error(status, body);
  }
  if (given.kind === "redirect") kit.redirect(given.status ?? 302, given.location);
  if (given.kind === "raw") throw new Error("SvelteKit gives no response of Node.");
  return webAnswer(given);
}
