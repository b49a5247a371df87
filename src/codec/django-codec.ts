import type { Clock } from "../core/clock.ts";
import type { DecodeResult, RecordCodec } from "./record-codec.ts";
import { Etag } from "../core/etag.ts";
import { type Secrets, SIGNATURE_LENGTH } from "./signer.ts";
import { JsonSigner } from "./signing.ts";

/**
 * Salt of the session engines db, cached_db, file, cache and codex-django's:
 * `django.contrib.sessions.` and the name of the class, which is `SessionStore` in all of them.
 */
export const SESSION_SALT = "django.contrib.sessions.SessionStore";

/**
 * Salt of the session engine signed_cookies: `django.contrib.sessions.backends.signed_cookies`, its
 * module.
 */
export const SIGNED_COOKIES_SALT = "django.contrib.sessions.backends.signed_cookies";

/** Options of {@link DjangoCodec}. */
export interface DjangoCodecOptions extends Secrets {
  readonly clock: Clock;
  /** @defaultValue {@link SESSION_SALT} */
  readonly salt?: string | undefined;
  /** Maximum inflated size of a compressed record, in bytes. */
  readonly maxInflatedBytes: number;
}

/**
 * Records in the format of `SessionBase.encode()` of Django 3.1 and newer: signed, compressed,
 * ASCII.
 */
export class DjangoCodec implements RecordCodec {
  readonly format = "django";
  readonly metadataFirst = false;
  readonly #signer: JsonSigner;
  readonly #clock: Clock;

  constructor({ clock, maxInflatedBytes, salt = SESSION_SALT, ...secrets }: DjangoCodecOptions) {
    this.#signer = new JsonSigner(secrets, salt, { maxInflatedBytes });
    this.#clock = clock;
  }

  encode(payload: string): string {
    return this.#signer.dumps(payload, Math.floor(this.#clock.now() / 1000), { compress: true });
  }

  decode(record: string): DecodeResult {
    const loaded = this.#signer.loads(record);
    if (!loaded.ok) return loaded;
    const { json, timestamp, isOutdated } = loaded;
    return { ok: true, value: { payload: json, writtenAt: timestamp * 1000, isOutdated } };
  }

  etag(record: string): Etag {
    return new Etag(-SIGNATURE_LENGTH, record.slice(-SIGNATURE_LENGTH));
  }
}
