import { isUtf8 } from "node:buffer";

/** Bytes as JSON holds them. */
export interface Part {
  readonly text?: string;
  /** Bytes that are no text. */
  readonly base64?: string;
}

/** Returns the part of bytes. Next writes text nearly always, which base64 would make a third longer. */
export function toPart(bytes: Uint8Array): Part {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? { text: buffer.toString() } : { base64: buffer.toString("base64") };
}

/** Returns the bytes of a part. */
export function toBytes({ text, base64 = "" }: Part): Buffer {
  return text === undefined ? Buffer.from(base64, "base64") : Buffer.from(text);
}
