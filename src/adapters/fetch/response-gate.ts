import { SessionUsageError } from "../../core/errors.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { editHead } from "../node/response-head.ts";
import type { WebRequestInfo } from "./request-info.ts";
import { type BodyListener, watchBody } from "./watched-body.ts";
import { WebHeaders } from "./web-headers.ts";

/** Lets the response to one request pass once its session is saved. */
export interface ResponseGate {
  /** The session of the request. */
  readonly scope: SessionScope;
  /**
   * Saves the session.
   *
   * @returns The response to send.
   * @throws The error of the save, or of headers that cannot be built. The response must not be sent
   *   then; its body has been cancelled.
   */
  pass(response: Response): Promise<Response>;
}

/** Parts of a {@link WebGate}. */
export interface WebGateParts {
  readonly request: Pick<Request, "method" | "signal">;
  readonly scope: SessionScope;
  readonly info: Pick<WebRequestInfo, "noteHeadersSent">;
  /** Called when changes of a stream could not be saved. The stream has been cut. */
  readonly reportLate: (error: unknown) => void;
}

/**
 * Gate of a response that leaves as a web `Response`. If the session was used, that is a new one:
 * the headers may be immutable, and the application may return the same response again. A body is
 * watched, since code that writes a stream may still change the session.
 */
export class WebGate implements ResponseGate, BodyListener {
  readonly scope: SessionScope;
  readonly #parts: WebGateParts;
  #status = 0;
  #isWatching = false;

  constructor(parts: WebGateParts) {
    this.scope = parts.scope;
    this.#parts = parts;
  }

  async pass(response: Response): Promise<Response> {
    const { scope } = this;
    const { info } = this.#parts;
    try {
      const passed = scope.isUsed ? await this.#save(response) : response;
      info.noteHeadersSent();
      if (!this.#isWatching) scope.noteResponseOver?.();
      return passed;
    } catch (error) {
      cancelBody(response);
      throw error;
    }
  }

  onEnd(): Promise<void> {
    return this.#finishLate();
  }

  async onCancel(): Promise<void> {
    await this.#finishLate().catch(() => {});
  }

  onFailure(): void {
    this.scope.noteResponseOver?.();
  }

  async #save(response: Response | undefined): Promise<Response> {
    const isCopied = isCopyable(response);
    if (isCopied) requireUnusedBody(response);
    this.#status = statusFor(response);
    const { request } = this.#parts;
    await this.scope.finish({
      status: this.#status,
      headersSent: !isCopied,
      isClientGone: request.signal.aborted,
    });
    return isCopied ? this.#seal(response) : (response as unknown as Response);
  }

  #seal(response: Response): Response {
    const headers = new Headers(response.headers);
    editHead(new WebHeaders(headers), this.scope);
    const { status, statusText, body } = response;
    // Servers do not read the body of a response to HEAD.
    this.#isWatching = body !== null && this.#parts.request.method !== "HEAD";
    return new Response(this.#isWatching ? watchBody(body as ReadableStream<Uint8Array>, this) : body, {
      status,
      statusText,
      headers,
    });
  }

  async #finishLate(): Promise<void> {
    const { scope } = this;
    const { request, reportLate } = this.#parts;
    const start = { status: this.#status, headersSent: true, isClientGone: request.signal.aborted };
    try {
      await scope.finish(start);
    } catch (error) {
      reportLate(error);
      throw error;
    } finally {
      scope.noteResponseOver?.();
    }
  }
}

/** Cancels the body of a response that is not sent: its source may wait for a reader. */
export function cancelBody(response: Response | undefined): void {
  // A body that is being read is its reader's.
  response?.body?.cancel().catch(() => {});
}

/**
 * Returns whether a response can be copied. Upgrades to another protocol cannot: they have the
 * status 101, and in Bun there is no response at all. Neither can `Response.error()`, with 0.
 */
function isCopyable(response: Response | undefined): response is Response {
  return response !== undefined && response.status >= 200;
}

/** Returns the status for a session that is saved before a response, or without one. */
export function statusFor(response: Response | undefined): number {
  if (response === undefined) return 101;
  return response.status === 0 ? 500 : response.status;
}

function requireUnusedBody({ bodyUsed, body }: Response): void {
  if (!bodyUsed && body?.locked !== true) return;
  throw new SessionUsageError(
    "The handler returned a Response whose body is used already, so that it cannot be sent. Return a new one, or read " +
      "the body of response.clone().",
  );
}
