import {
  DictCodec,
  DjangoCodec,
  EncryptedCodec,
  JsonCodec,
  type RecordCodec,
  type Secrets,
} from "../../codec/index.ts";
import type { Clock } from "../../core/clock.ts";
import type { ResolvedSessionSettings } from "../session-settings.ts";

/** The settings that say how records are written. */
export type CodecSettings = Pick<ResolvedSessionSettings, "format" | "maxBytes" | "encrypt"> & {
  /** Of Django's signature. @defaultValue that of the engines with a key */
  readonly salt?: string;
};

/** The codec of the records, as the settings want them written. */
export function makeCodec(settings: CodecSettings, context: Secrets & { readonly clock: Clock }): RecordCodec {
  const plain = makePlainCodec(settings, context);
  return settings.encrypt ? new EncryptedCodec(plain, context) : plain;
}

function makePlainCodec(
  { format, maxBytes, salt }: CodecSettings,
  { secretKey, secretKeyFallbacks, clock }: Secrets & { readonly clock: Clock },
): RecordCodec {
  if (format === "json") return new JsonCodec();
  if (format === "dict") return new DictCodec();
  return new DjangoCodec({ secretKey, secretKeyFallbacks, clock, salt, maxInflatedBytes: inflatedLimit(maxBytes) });
}

// Escaping makes at most six bytes of one (DEL: `\u007f`), so what was once accepted can always be read; 16
// MiB let a limit that was lowered, and larger records of Django, be read too.
function inflatedLimit(maxBytes: number): number {
  return Math.max(6 * maxBytes, 16 * 1024 * 1024);
}
