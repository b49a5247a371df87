import { Etag } from "../core/etag.ts";
import type { DecodeResult, RecordCodec } from "./record-codec.ts";

/**
 * Records that are the session's dictionary itself, as Django's engine `cache` keeps it with a JSON
 * serializer: unsigned, and other writers leave a nonce unchanged. The whole record is therefore
 * the etag: every different record is another version.
 */
export class DjangoCacheCodec implements RecordCodec {
  readonly format = "django-cache";
  readonly metadataFirst = false;

  encode(payload: string): string {
    return payload;
  }

  decode(record: string): DecodeResult {
    return { ok: true, value: { payload: record, writtenAt: undefined, isOutdated: false } };
  }

  /**
   * No JSON object is the beginning of another one, so comparing the beginning compares the whole
   * record.
   */
  etag(record: string): Etag {
    return new Etag(0, Buffer.from(record).toString("latin1"));
  }
}
