/**
 * Reads a stream to its end.
 *
 * @returns `undefined` for one of more bytes, whose rest is not read.
 * @throws The error of the stream.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    length += part.value.byteLength;
    if (length <= maxBytes) continue;
    await reader.cancel();
    return undefined;
  }
  return Buffer.concat(chunks, length);
}
