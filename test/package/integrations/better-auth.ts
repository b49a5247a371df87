import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { betterAuthStorage } from "sojourn/integrations/better-auth";
import { cache } from "./cache.js";

const ORIGIN = "http://localhost:3000";
const database = memoryAdapter({ user: [], session: [], account: [], verification: [] });
// @ts-expect-error The option is called prefix.
const wrong = () => betterAuthStorage(cache, { keyPrefix: "a" });

/** As in one of several processes that share the database and the cache. */
function start() {
  return betterAuth({
    baseURL: ORIGIN,
    secret: "a secret that is only for this test, and long enough",
    database,
    emailAndPassword: { enabled: true },
    secondaryStorage: betterAuthStorage(cache),
    logger: { disabled: true },
    rateLimit: { enabled: true, storage: "secondary-storage" },
  });
}

const [one, other] = [start(), start()];

function ask(auth: typeof one, path: string, cookie = "", body?: object): Promise<Response> {
  const headers = {
    "content-type": "application/json",
    origin: ORIGIN,
    "x-forwarded-for": "203.0.113.7",
    cookie,
  };
  const init = body === undefined ? { headers } : { headers, method: "POST", body: JSON.stringify(body) };
  return auth.handler(new Request(`${ORIGIN}/api/auth${path}`, init));
}

const password = "a long password";
const signedUp = await ask(one, "/sign-up/email", "", { email: "ann@example.com", password, name: "Ann" });
const cookie = signedUp.headers
  .getSetCookie()
  .map((each) => each.split(";")[0])
  .join("; ");
const session = (await (await ask(other, "/get-session", cookie)).json()) as {
  user: { name: string };
} | null;
await ask(one, "/sign-out", cookie, {});
const ended: unknown = await (await ask(other, "/get-session", cookie)).json();
const attempts = await Promise.all(
  Array.from({ length: 10 }, (_, index) =>
    ask(index % 2 === 0 ? one : other, "/sign-in/email", "", { email: "ann@example.com", password: "wrong" }),
  ),
);
// The library allows three a window.
const allowed = attempts.filter(({ status }) => status !== 429).length;
const works = session?.user.name === "Ann" && ended === null && allowed === 3 && typeof wrong === "function";
process.stdout.write(`${works}\n`);
