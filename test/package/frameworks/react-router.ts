import { createStaticHandler, type LoaderFunctionArgs, RouterContextProvider } from "react-router";
import { createSojourn } from "sojourn";
import { reactRouterSessions } from "sojourn/adapters/react-router";
import { memorySessionStore } from "sojourn/stores/memory";
import { check } from "./check.js";

const { sessions } = createSojourn<{ views?: number }>({
  projectName: "myproject",
  secretKey: "a secret that is only for this test",
  sessions: { store: memorySessionStore() },
});

const { queryRoute } = createStaticHandler([
  {
    path: "/",
    middleware: [reactRouterSessions(sessions)],
    async loader({ context }: LoaderFunctionArgs) {
      const { data } = await sessions.from(context);
      data.views = (data.views ?? 0) + 1;
      // @ts-expect-error A number is no text.
      const wrong: string = data.views;
      return new Response(`views: ${wrong}`);
    },
  },
]);

await check((init) => {
  const request = new Request("http://localhost/", init);
  return queryRoute(request, {
    requestContext: new RouterContextProvider(),
    generateMiddlewareResponse: async (respond) => respond(request),
  });
});
