import {
  DjangoCacheCodec,
  DjangoCodec,
  EncryptedCodec,
  JsonCodec,
  type RecordCodec,
  type Secrets,
} from "../../codec/index.ts";
import type { Clock } from "../../core/clock.ts";
import type { ResolvedSessionSettings } from "../session-settings.ts";

/** Settings for the format of records. */
export type CodecSettings = Pick<ResolvedSessionSettings, "format" | "maxBytes" | "encrypt"> & {
  /** Salt of Django's signature. @defaultValue that of the engines with a key */
  readonly salt?: string;
};

/** Makes the codec of the records from the settings. */
export function makeCodec(
  settings: CodecSettings,
  context: Secrets & { readonly clock: Clock },
): RecordCodec {
  const plain = makePlainCodec(settings, context);
  return settings.encrypt ? new EncryptedCodec(plain, context) : plain;
}

function makePlainCodec(
  { format, maxBytes, salt }: CodecSettings,
  { secretKey, secretKeyFallbacks, clock }: Secrets & { readonly clock: Clock },
): RecordCodec {
  if (format === "json") return new JsonCodec();
  if (format === "django-cache") return new DjangoCacheCodec();
  return new DjangoCodec({
    secretKey,
    secretKeyFallbacks,
    clock,
    salt,
    maxInflatedBytes: inflatedLimit(maxBytes),
  });
}

// Escaping turns one byte into at most six (DEL: `\u007f`), so an accepted record can always be
// read; 16 MiB allow for records written under a higher limit, and larger ones of Django.
function inflatedLimit(maxBytes: number): number {
  return Math.max(6 * maxBytes, 16 * 1024 * 1024);
}
