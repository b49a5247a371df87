import { SessionUsageError } from "../../core/errors.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import { editHead } from "../node/response-head.ts";
import type { WebRequestInfo } from "./request-info.ts";
import { type BodyListener, WatchedBody } from "./watched-body.ts";
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
  readonly scope: SessionScope;
  readonly info: Pick<WebRequestInfo, "noteHeadersSent">;
  /** Called when changes of a stream could not be saved. The stream has been cut. */
  readonly reportLate: (error: unknown) => void;
}

/**
 * Gate of a response that leaves as a web `Response`. If the session was used, that is a new one:
 * the headers may be immutable, and the application may return the same response again. A stream is
 * watched, since the code that writes it may still change the session.
 */
export class WebGate implements ResponseGate, BodyListener {
  readonly #parts: WebGateParts;
  #status = 0;
  #isWatching = false;

  constructor(parts: WebGateParts) {
    this.#parts = parts;
  }

  get scope(): SessionScope {
    return this.#parts.scope;
  }

  async pass(response: Response): Promise<Response> {
    const { scope, info } = this.#parts;
    const passed = scope.isUsed ? await this.#save(response) : response;
    info.noteHeadersSent();
    if (!this.#isWatching) scope.noteResponseOver?.();
    return passed;
  }

  onEnd(): Promise<void> {
    return this.#finishLate({ isClientGone: false });
  }

  async onCancel(): Promise<void> {
    await this.#finishLate({ isClientGone: true }).catch(() => {});
  }

  onFailure(): void {
    this.#parts.scope.noteResponseOver?.();
  }

  async #save(response: Response | undefined): Promise<Response> {
    this.#status = statusFor(response);
    if (isCopyable(response)) return this.#saveAndCopy(response);
    await this.#parts.scope.finish({ status: this.#status, headersSent: true });
    return response as unknown as Response;
  }

  async #saveAndCopy(response: Response): Promise<Response> {
    requireUnusedBody(response);
    const { scope } = this.#parts;
    const { status, statusText } = response;
    const body = response.body === null ? undefined : new WatchedBody(response.body);
    try {
      const complete = await body?.readIfComplete();
      // Whether the client is gone is not asked: Deno prints a warning when `request.signal` is read.
      await scope.finish({ status, headersSent: false });
      const headers = new Headers(response.headers);
      editHead(new WebHeaders(headers), scope);
      this.#isWatching = body !== undefined && complete === undefined;
      return new Response(complete ?? body?.watch(this), { status, statusText, headers });
    } catch (error) {
      // A body that is being read is its reader's.
      body?.cancel().catch(() => {});
      throw error;
    }
  }

  async #finishLate({ isClientGone }: { readonly isClientGone: boolean }): Promise<void> {
    const { scope, reportLate } = this.#parts;
    try {
      await scope.finish({ status: this.#status, headersSent: true, isClientGone });
    } catch (error) {
      reportLate(error);
      throw error;
    } finally {
      scope.noteResponseOver?.();
    }
  }
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
