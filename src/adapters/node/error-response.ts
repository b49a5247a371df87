import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import type { ServerResponse } from "node:http";
import { tellCallback } from "./held-calls.ts";
import { applyHead } from "./response-head.ts";
import { ResponseOverrides, type ResponseMethods, type ResponseWriter } from "./response-methods.ts";

/** The error response that the running code answers. */
const answering = new AsyncLocalStorage<ErrorResponse>();

type Listener = ((...args: unknown[]) => void) & { readonly listener?: unknown };

const OVERRIDES = new ResponseOverrides<ErrorResponse>("sojourn.error");

/** Options of {@link ErrorResponse}. */
export interface ErrorResponseOptions {
  /**
   * The original methods. Wrappers over the failed response belong to that response and go with it.
   */
  readonly original: ResponseMethods;
  /** Called before the head goes out. */
  readonly editHead: () => void;
  readonly error: unknown;
  /**
   * Whether the handler was still writing the failed response: its further writes are discarded.
   */
  readonly isHandlerWriting: boolean;
}

/**
 * The response that replaces one whose session could not be saved. It is not held: there is nothing
 * left to save.
 *
 * The error handler and a handler that still writes call the same methods of the same object. The
 * async context distinguishes them: everything the error handler starts, also after an `await`,
 * runs inside {@link answer}.
 */
export class ErrorResponse implements ResponseWriter {
  readonly #response: ServerResponse;
  readonly #options: ErrorResponseOptions;
  #hasEnded = false;
  #acceptsAnyCaller: boolean;

  constructor(response: ServerResponse, options: ErrorResponseOptions) {
    this.#response = response;
    this.#options = options;
    this.#acceptsAnyCaller = !options.isHandlerWriting;
    OVERRIDES.set(response, this);
    restoreOn(response, options.original);
    if (options.isHandlerWriting) {
      this.#watchHeaders();
      this.#watchDrain();
    }
  }

  /** Runs the error handler. */
  answer(handle: () => void): void {
    if (this.#options.isHandlerWriting) answering.run(this, handle);
    else handle();
  }

  writeHead(args: unknown[]): unknown {
    const { original, editHead } = this.#options;
    this.#acceptsAnyCaller ||= !this.#isAnswering;
    if (this.#response.headersSent) return original.writeHead.apply(this.#response, args);
    applyHead(this.#response, args);
    editHead();
    return original.writeHead.call(this.#response, this.#response.statusCode);
  }

  write(args: unknown[]): unknown {
    if (this.#isFromErrorHandler()) return this.#options.original.write.apply(this.#response, args);
    tellCallback(args, this.#options.error);
    return true;
  }

  end(args: unknown[]): unknown {
    if (!this.#isFromErrorHandler()) {
      tellCallback(args, this.#options.error);
      return this.#response;
    }
    const result = this.#options.original.end.apply(this.#response, args);
    this.#hasEnded = true;
    return result;
  }

  flushHeaders(): unknown {
    return this.#isFromErrorHandler() ? this.#options.original.flushHeaders.call(this.#response) : undefined;
  }

  implicitHead(): unknown {
    return this.#response.writeHead(this.#response.statusCode);
  }

  get #isAnswering(): boolean {
    return answering.getStore() === this;
  }

  /** Whether the current call belongs to this response. */
  #isFromErrorHandler(): boolean {
    return !this.#hasEnded && (this.#acceptsAnyCaller || this.#isAnswering);
  }

  /**
   * A library may lose the async context of the error handler, and a response that never ends is
   * worse than one with a stray chunk. Setting a header here means a new response: the handler's
   * own has started, and would have thrown.
   */
  #watchHeaders(): void {
    const setHeader = this.#response.setHeader.bind(this.#response);
    this.#response.setHeader = (name, value) => {
      this.#acceptsAnyCaller ||= !this.#isAnswering;
      return setHeader(name, value);
    };
  }

  /** Deno, and Bun with HTTP/2, emit `drain` outside the context of the write that waits for it. */
  #watchDrain(): void {
    const on = this.#response.on.bind(this.#response) as (name: string, listener: Listener) => ServerResponse;
    const watch = (name: string, listener: Listener): ServerResponse =>
      on(name, name === "drain" && this.#isAnswering ? bindListener(listener) : listener);
    this.#response.on = watch as ServerResponse["on"];
  }
}

/**
 * Binds a listener to the current context. It is removed by the original function, as with `once`.
 */
function bindListener(listener: Listener): Listener {
  const bound: Listener = AsyncResource.bind(listener);
  return Object.assign(bound, { listener: listener.listener ?? listener });
}

// The prototype is the application's (Express sets one), so `on` is there without an own property.
function restoreOn(response: ServerResponse, { on }: ResponseMethods): void {
  delete (response as { on?: unknown }).on;
  if ((response.on as unknown) !== on) response.on = on as ServerResponse["on"];
}
