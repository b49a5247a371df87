// The route handlers of the compared libraries. The build evaluates this module without any.
import { cookies } from "next/headers";
import { createSojourn } from "sojourn";
import { nextSessions } from "sojourn/adapters/next";

/** Given by `next-server.mjs`: what all servers do, and the libraries of others. */
const { kind, url, servers, getIronSession } = globalThis.benchNext ?? { kind: { library: "none" } };

/** @returns {Promise<(request: Request, context: { params: Promise<{ path: string }> }) => Promise<Response>>} */
export async function handler() {
  switch (kind.library) {
    case "none":
      return plain(servers?.noActions() ?? {});
    case "GET":
      return plain(await servers.bareActions(url));
    case "iron-session":
      return plain(ironActions());
    default:
      return sojourn();
  }
}

function plain(actions) {
  return async (request, { params }) => {
    const { path } = await params;
    const headers = new Headers({ "Content-Type": "text/plain; charset=utf-8" });
    return new Response(await actions[path](request, headers), { headers });
  };
}

function sojourn() {
  const { sessions } = createSojourn({
    projectName: "bench",
    secretKey: servers.SECRET,
    redis: { default: url },
    // A busy machine must not end a run.
    sessions: { format: kind.format, deadline: "30s", cookie: { secure: false, age: servers.TTL_SECONDS } },
  });
  const { withSession } = nextSessions(sessions);
  const actions = servers.actionsWith({
    open: async (request) => (await sessions.from(request)).data,
    logIn: async (request, _, id) => (await sessions.from(request)).login(id),
    userId: async (request) => (await sessions.from(request)).userId,
  });
  const answer = plain(actions);
  return withSession((request, context) => answer(request, context), { eager: false });
}

/** As its documentation sets it up for route handlers. */
function ironActions() {
  const options = {
    cookieName: "iron",
    password: servers.SECRET,
    ttl: servers.TTL_SECONDS,
    cookieOptions: { secure: false },
  };
  const opened = new WeakMap();
  const open = async (request) => {
    if (!opened.has(request)) opened.set(request, await getIronSession(await cookies(), options));
    return opened.get(request);
  };
  const save = async (request) => opened.get(request).save();
  const logIn = async (request, _, userId) => {
    Object.assign(await open(request), { userId });
    await save(request);
  };
  return servers.actionsWith({ open, save, logIn, userId: async (request) => (await open(request)).userId });
}
