// @ts-check
// Answers of the suite for adapters as web responses. Plain JavaScript without packages, since it runs on
// each of the runtimes as it stands.
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";

/** @typedef {import("sojourn/testing").AdapterTestAnswer} AdapterTestAnswer */

/**
 * @param {Exclude<AdapterTestAnswer, { kind: "raw" }>} answer
 * @returns {Response}
 */
export function webAnswer(answer) {
  switch (answer.kind) {
    case "text": {
      const headers = new Headers();
      for (const cookie of answer.cookies ?? []) headers.append("Set-Cookie", cookie);
      return new Response(answer.body, { status: answer.status ?? 200, headers });
    }
    case "json":
      return Response.json(answer.value);
    case "redirect":
      return new Response(null, { status: answer.status ?? 302, headers: { Location: answer.location } });
    case "empty":
      return new Response(null, { status: answer.status });
    case "file":
      return new Response(/** @type {any} */ (Readable.toWeb(createReadStream(answer.path))));
    case "stream":
      return new Response(streamOf(answer.chunks));
    case "events":
      return new Response(streamOf(answer.events), { headers: { "Content-Type": "text/event-stream" } });
  }
}

/**
 * @param {AsyncIterable<string>} chunks
 * @returns {ReadableStream<Uint8Array>}
 */
export function streamOf(chunks) {
  const encoder = new TextEncoder();
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
