import { type Secrets, SIGNED_COOKIES_SALT } from "../../codec/index.ts";
import type { Clock } from "../../core/clock.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { CookieSessionStore } from "../../stores/cookie/cookie-session-store.ts";
import { makeCodec } from "../record/record-codec.ts";
import { RecordSerializer } from "../record/record-serializer.ts";
import type { SessionHome, SessionHomes } from "../session-home.ts";
import type { ResolvedSessionSettings } from "../session-settings.ts";
import type { StoredSession } from "../stored/record-writer.ts";
import { SessionRecords } from "../stored/session-records.ts";
import { AgeThrottle } from "../stored/touch-throttle.ts";
import { CookieCodec, isShortEnough } from "./cookie-codec.ts";
import { CookieRecords } from "./cookie-records.ts";

/** Sessions in their cookies: each request has a home of its own. */
export class CookieHomes implements SessionHomes {
  readonly #serializer: RecordSerializer;
  readonly #throttle: AgeThrottle;

  /** @throws {ImproperlyConfigured} For settings that need a key. */
  constructor(settings: ResolvedSessionSettings, context: Secrets & { readonly clock: Clock }) {
    checkSettings(settings);
    const { maxBytes, timeouts, dataSchema, touchEvery, cookie } = settings;
    const { clock } = context;
    const inner = makeCodec({ ...settings, salt: SIGNED_COOKIES_SALT }, context);
    this.#serializer = new RecordSerializer({
      codec: new CookieCodec(inner, cookie, clock),
      clock,
      timeouts,
      maxBytes,
      dataVersion: dataSchema.version,
      agesWithSignature: true,
    });
    this.#throttle = new AgeThrottle(touchEvery ?? Number.POSITIVE_INFINITY, timeouts, clock);
  }

  accepts(cookieValue: string): boolean {
    return isShortEnough(cookieValue);
  }

  open(cookieValue: string | undefined): SessionHome {
    return new CookieHome(cookieValue, this.#serializer, this.#throttle);
  }
}

/** The session in the cookie of one request. */
class CookieHome implements SessionHome {
  readonly records: SessionRecords;
  readonly throttle: AgeThrottle;
  readonly isCookie = true;
  readonly #texts = new CookieRecords();
  /** Key of the cookie's record within {@link records}. Never sent to the browser. */
  readonly #key = newSessionKey();

  constructor(cookieValue: string | undefined, serializer: RecordSerializer, throttle: AgeThrottle) {
    if (cookieValue !== undefined) this.#texts.put(this.#key, cookieValue);
    this.throttle = throttle;
    this.records = new SessionRecords({
      store: this.#texts,
      serializer,
      users: undefined,
      moved: undefined,
      storedKeyOf: (each) => each,
    });
  }

  keyOf(): SessionKey {
    return this.#key;
  }

  cookieValueOf({ storageKey }: StoredSession): string | undefined {
    return this.#texts.textAt(storageKey);
  }
}

/**
 * Warns at start of the limits of sessions in cookies, unless the application has accepted them.
 */
export function warnOfLostUpdates({ acceptsLostUpdates }: CookieSessionStore): void {
  if (acceptsLostUpdates) return;
  process.emitWarning(
    "sessions.store is cookieSessionStore(): parallel requests overwrite each other's changes, and after a logout a copy " +
      "of the cookie works until it expires. If the application can accept that, confirm it with " +
      "cookieSessionStore({ acceptsLostUpdates: true }); if not, use fileSessionStore() or redisSessionStore().",
    { code: "SOJOURN_COOKIE_SESSIONS" },
  );
}

function checkSettings({ format, hashKeys, renewEvery }: ResolvedSessionSettings): void {
  const refuse = (setting: string, message: string) => {
    throw new ImproperlyConfigured(`sessions.${setting}`, message);
  };
  if (format !== "django") {
    refuse(
      "format",
      'expected "django" with cookieSessionStore(): other formats have no signature and no time.',
    );
  }
  const noKey = "with cookieSessionStore(): such a session has no key on a server.";
  if (hashKeys) refuse("hashKeys", `expected false ${noKey}`);
  if (renewEvery !== null) refuse("renewEvery", `expected null ${noKey}`);
}
