import { Browser, type Data } from "./session-harness.ts";
import { createSojourn, DJANGO_SITE } from "../../src/create-sojourn.ts";
import { cookieSessionStore } from "../../src/stores/cookie/index.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import type { SessionSettings } from "../../src/session/session-settings.ts";

export const SECRETS = { secretKey: "test-secret" };

export const TIME = 1_700_000_000;

/**
 * Made with Django 5.2.17, SECRET_KEY "test-secret", time 1700000000: a session `{"foo": "bar"}` of
 * signed_cookies.
 */
export const DJANGOS = "sessionid=eyJmb28iOiJiYXIifQ:1r31eq:226qcunpVRFbRb8JsIU20JTlES8WVPMJOuzt80OOScM";

interface Options extends Omit<SessionSettings, "store"> {
  readonly secrets?: { readonly secretKey: string; readonly secretKeyFallbacks?: readonly string[] };
}

/** Opens sessions in cookies, with the secret and at the time of {@link DJANGOS}. */
export function openCookieSessions({ secrets = SECRETS, ...settings }: Options = {}) {
  const clock = new ManualClock(TIME * 1000);
  const store = cookieSessionStore({ acceptsLostUpdates: true });
  const { sessions } = createSojourn<Data>({
    // The vectors are Django's, made with a short secret.
    [DJANGO_SITE]: true,
    projectName: "test",
    ...secrets,
    clock,
    sessions: { ...settings, store },
  });
  const events: unknown[] = [];
  for (const name of ["rejected", "undecodable", "touchFailed"] as const)
    sessions.on(name, (event) => events.push({ name, ...event }));
  return { sessions, clock, events, browser: new Browser(sessions) };
}
