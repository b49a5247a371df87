/** Listener of the end of a body. */
export interface BodyListener {
  /** Called before the end is passed on, which waits for it. A rejection is an error of the body. */
  onEnd(): Promise<void>;
  /** Called when the client has left, and the source has been told so. */
  onCancel(): Promise<void>;
  /** Called when the source has failed, so that the body is incomplete. */
  onFailure(): void;
}

/**
 * Returns a body that passes on another one, and lets a listener work before the end. It reads a
 * chunk when one is asked for, so that the client's pace reaches the source.
 */
export function watchBody(
  body: ReadableStream<Uint8Array>,
  listener: BodyListener,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await readOrFail(reader, listener);
        if (!done) {
          controller.enqueue(value);
          return;
        }
        await listener.onEnd();
        controller.close();
      },
      async cancel(reason) {
        try {
          await reader.cancel(reason);
        } finally {
          await listener.onCancel();
        }
      },
    },
    { highWaterMark: 0 },
  );
}

async function readOrFail(reader: ReadableStreamDefaultReader<Uint8Array>, listener: BodyListener) {
  try {
    return await reader.read();
  } catch (error) {
    listener.onFailure();
    throw error;
  }
}
