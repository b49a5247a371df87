import { type Secrets, SIGNED_COOKIES_SALT } from "../../codec/index.ts";
import type { Clock } from "../../core/clock.ts";
import { ImproperlyConfigured } from "../../core/errors.ts";
import { newSessionKey, type SessionKey } from "../../core/ids.ts";
import type { SessionCarrier } from "../../stores/session-carrier.ts";
import { CarriedCodec } from "./carried-codec.ts";
import { CarriedRecords } from "./carried-records.ts";
import { makeCodec } from "../record/record-codec.ts";
import { SessionRecords } from "../stored/session-records.ts";
import type { SessionServices } from "../session-services.ts";
import type { ResolvedSessionSettings } from "../session-settings.ts";
import { AgeThrottle } from "../stored/touch-throttle.ts";
import { Versions } from "../record/versions.ts";

/** Dependencies of one request's session. */
export interface Carried {
  readonly services: SessionServices;
  /** Key of the cookie's record within `services.records`. Never sent to the browser. */
  readonly key: SessionKey;
}

/** Makes the store of each request's cookie record. */
export class CookieCarrier {
  readonly #shared: SessionServices;
  readonly #versions: Versions;
  readonly #throttle: AgeThrottle;

  /**
   * @param shared Dependencies shared by all requests.
   * @throws {ImproperlyConfigured} For settings that need a key.
   */
  constructor(
    shared: SessionServices,
    settings: ResolvedSessionSettings,
    context: Secrets & { readonly clock: Clock },
  ) {
    checkSettings(settings);
    const { maxBytes, timeouts, dataSchema, touchEvery, cookie } = settings;
    const { clock } = context;
    const codec = new CarriedCodec(
      makeCodec({ ...settings, salt: SIGNED_COOKIES_SALT }, context),
      cookie,
      clock,
    );
    this.#shared = shared;
    this.#versions = new Versions({
      codec,
      clock,
      timeouts,
      maxBytes,
      dataVersion: dataSchema.version,
      agesWithSignature: true,
    });
    this.#throttle = new AgeThrottle(touchEvery ?? Number.POSITIVE_INFINITY, timeouts, clock);
  }

  /** @param value Value of the cookie; `undefined` if the request has none. */
  begin(value: string | undefined): Carried {
    const carried = new CarriedRecords();
    const key = newSessionKey();
    if (value !== undefined) carried.put(key, value);
    const records = new SessionRecords({
      store: carried,
      versions: this.#versions,
      users: undefined,
      moved: undefined,
      storedKeyOf: (each) => each,
    });
    return { services: { ...this.#shared, records, carried, throttle: this.#throttle }, key };
  }
}

/**
 * Warns at start of the limits of sessions in cookies, unless the application has accepted them.
 */
export function warnOfLostUpdates({ acceptsLostUpdates }: SessionCarrier): void {
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
