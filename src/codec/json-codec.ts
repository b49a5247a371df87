import { Etag } from "../core/etag.ts";
import type { DecodeResult, RecordCodec } from "./record-codec.ts";

const HEAD = '{"_sojourn":{"nonce":"';
const NONCE_LENGTH = 16;
const FORM = /^\{"_sojourn":\{"nonce":"[0-9a-f]{16}"/;

/**
 * Records that are the payload itself: strict JSON, unsigned, with the nonce at a fixed place in
 * front. Any process that can write to the store can forge them; the `django` format does not have
 * that weakness.
 */
export class JsonCodec implements RecordCodec {
  readonly format = "json";
  readonly metadataFirst = true;

  encode(payload: string): string {
    return payload;
  }

  decode(record: string): DecodeResult {
    // Without a nonce at its place there is no etag, so such a record could not be committed to.
    if (!FORM.test(record)) return { ok: false, reason: "malformed" };
    return { ok: true, value: { payload: record, writtenAt: undefined, isOutdated: false } };
  }

  etag(record: string): Etag {
    return new Etag(HEAD.length, record.slice(HEAD.length, HEAD.length + NONCE_LENGTH));
  }
}
