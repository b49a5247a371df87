export { sessionAuthHash } from "./auth-hash.ts";
export { DjangoCacheCodec } from "./django-cache-codec.ts";
export { DjangoCodec, type DjangoCodecOptions, SESSION_SALT, SIGNED_COOKIES_SALT } from "./django-codec.ts";
export { EncryptedCodec } from "./encrypted-codec.ts";
export { JsonCodec } from "./json-codec.ts";
export type { DecodedRecord, DecodeResult, RecordCodec, UndecodableReason } from "./record-codec.ts";
export { type Secrets, Signer, SIGNATURE_LENGTH, TimestampSigner } from "./signer.ts";
export { escapeNonAscii, JsonSigner, type JsonSignerOptions, type LoadsResult } from "./signing.ts";
