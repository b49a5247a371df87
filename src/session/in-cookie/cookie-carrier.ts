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

/** What one request's session works with. */
export interface Carried {
  readonly services: SessionServices;
  /** Under which the record of the cookie stands in `services.records`; the browser never sees it. */
  readonly key: SessionKey;
}

/** Makes for each request the records that its cookie carries. */
export class CookieCarrier {
  readonly #shared: SessionServices;
  readonly #versions: Versions;
  readonly #throttle: AgeThrottle;

  /**
   * @param shared What all requests share.
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
    const codec = new CarriedCodec(makeCodec({ ...settings, salt: SIGNED_COOKIES_SALT }, context), cookie, clock);
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

  /** @param value The cookie's; `undefined` where the request has none. */
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

/** Says at start what sessions in cookies cannot do, unless the application has said that it knows. */
export function warnOfLostUpdates({ acceptsLostUpdates }: SessionCarrier): void {
  if (acceptsLostUpdates) return;
  process.emitWarning(
    "sessions.store is cookieSessionStore(): parallel requests overwrite each other's changes, and after a logout a copy " +
      "of the cookie works until its age is over. If the application can live with that, say so with " +
      "cookieSessionStore({ acceptsLostUpdates: true }); if not, use fileSessionStore() or redisSessionStore().",
    { code: "SOJOURN_COOKIE_SESSIONS" },
  );
}

function checkSettings({ format, hashKeys, renewEvery }: ResolvedSessionSettings): void {
  const refuse = (setting: string, message: string) => {
    throw new ImproperlyConfigured(`sessions.${setting}`, message);
  };
  if (format !== "django") {
    refuse("format", 'expected "django" with cookieSessionStore(): other records have no signature and no time.');
  }
  const noKey = "with cookieSessionStore(): such a session has no key on a server.";
  if (hashKeys) refuse("hashKeys", `expected false ${noKey}`);
  if (renewEvery !== null) refuse("renewEvery", `expected null ${noKey}`);
}
