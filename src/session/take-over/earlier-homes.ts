import type { Clock, Milliseconds } from "../../core/clock.ts";
import type { SessionKey } from "../../core/ids.ts";
import type { SessionTombstones } from "../../stores/session-tombstones.ts";
import { RecordSerializer } from "../record/record-serializer.ts";
import type { Timeouts } from "../record/timeouts.ts";
import type { SessionHome } from "../session-home.ts";
import { MovedKeys } from "../stored/moved-keys.ts";
import type { StoredSession } from "../stored/record-writer.ts";
import { SessionRecords } from "../stored/session-records.ts";
import { type Throttle, TouchThrottle } from "../stored/touch-throttle.ts";
import { EarlierCodec } from "./earlier-codec.ts";
import type { EarlierCookies, EarlierSessions } from "./earlier-sessions.ts";
import { EarlierKeys, EarlierStore, type MovedElsewhere } from "./earlier-store.ts";

/** Dependencies of {@link EarlierHomes}. */
export interface EarlierHomesOptions {
  readonly tombstones: SessionTombstones;
  readonly moved: MovedElsewhere;
  readonly secretKey: string;
  readonly clock: Clock;
  readonly timeouts: Timeouts;
  readonly maxBytes: number;
  readonly dataVersion: number;
  /** Minimum time between two extensions of a session by this process. */
  readonly touchEvery: Milliseconds;
}

/** Sessions that stay in another library's records: each request has a home of its own. */
export class EarlierHomes {
  readonly #options: EarlierHomesOptions;
  readonly #throttle: Throttle;

  constructor(options: EarlierHomesOptions) {
    this.#options = options;
    this.#throttle = new TouchThrottle(options.touchEvery, options.timeouts, options.clock);
  }

  open(source: EarlierSessions): SessionHome {
    return new EarlierHome(source, this.#throttle, this.#options);
  }
}

/** The session of one request, in another library's records. */
class EarlierHome implements SessionHome {
  readonly records: SessionRecords;
  readonly throttle: Throttle;
  readonly cookies: EarlierCookies;
  readonly isCookie = false;
  readonly #keys: EarlierKeys;

  constructor(source: EarlierSessions, throttle: Throttle, options: EarlierHomesOptions) {
    const { tombstones, secretKey, clock } = options;
    this.throttle = throttle;
    this.cookies = source.cookies;
    this.#keys = new EarlierKeys(secretKey);
    this.records = new SessionRecords({
      store: new EarlierStore(source, this.#keys, options),
      serializer: new RecordSerializer({ ...options, codec: new EarlierCodec(source.format, clock) }),
      users: undefined,
      moved: new MovedKeys(tombstones, true),
      storedKeyOf: (key) => key,
    });
  }

  keyOf(id: string): SessionKey {
    return this.#keys.keyOf(id);
  }

  cookieValueOf({ key }: StoredSession): string {
    return this.#keys.idOf(key);
  }
}
