import type { ServerResponse } from "node:http";
import { rejectWith } from "../../core/reject-with.ts";
import { ErrorResponse } from "./error-response.ts";
import {
  goneError,
  type HeldCall,
  HeldCalls,
  refuseChunk,
  tellCallback,
  withoutCallback,
} from "./held-calls.ts";
import { guardStream, isHttp2 } from "./http2-response.ts";
import { KeptConnection } from "./kept-connection.ts";
import { protocolOf } from "./protocols.ts";
import { applyHead, resetHead } from "./response-head.ts";
import { type ResponseHook, ResponseHooks, warnOfFailure } from "./response-hooks.ts";
import { redirectsListeners, type ResponseMethods, ResponseOverrides, uncover } from "./response-methods.ts";
import type { ResponseProtocol } from "./response-protocol.ts";
import { SharedOverrides, type SharedWriter } from "./shared-overrides.ts";

/** A head that waits. */
interface Head {
  readonly status: number;
  readonly isImplicit: boolean;
}

const NO_HEAD: Head = { status: 0, isImplicit: false };
const NO_LISTENERS: readonly (() => void)[] = [];
const EXPLICIT_CALL = { isImplicit: false, isLastCall: false };

/**
 * Makes a response wait for its sessions: none of it reaches the client before
 * `SessionScope.finish` is done. A response whose scope was not used passes through untouched.
 *
 * A response has one hold. For a scope that it holds already, only `onError` is replaced by the new
 * one, which is nearer to the handler.
 */
export function holdResponse(response: ServerResponse, hook: ResponseHook): void {
  const hold = holdOf(response) ?? new ResponseHold(response);
  hold.add(hook);
}

/** Returns whether a response waits for its sessions. */
export function isHeld(response: ServerResponse): boolean {
  return holdOf(response) !== undefined;
}

/**
 * Saves the sessions of a held response before its head is requested, so that the framework itself
 * can answer a failure, after which nothing more is saved. The hold saves later changes.
 *
 * @param status Status that the response is about to have.
 * @returns `undefined` when there is nothing to wait for.
 */
export function saveEarly(response: ServerResponse, status: number): Promise<void> | undefined {
  return holdOf(response)?.saveEarly(status);
}

/**
 * {@link saveEarly} for a framework whose handlers may answer a second time. Meanwhile the response
 * looks ended, so that the framework refuses that. It continues in the callbacks: they run in the same
 * turn as the end of that look, before any other code.
 *
 * @returns The end of the callback; `undefined` when there is nothing to wait for, and no callback
 *   is called.
 */
export function saveAsEnded(
  response: ServerResponse,
  status: number,
  onSaved: () => void,
  onFailed: (error: unknown) => void,
): Promise<void> | undefined {
  return holdOf(response)?.saveAsEnded(status, onSaved, onFailed);
}

/**
 * Notifies the hold that the handler has returned, where that is known. If the client has left, so
 * that the handler has not answered, its changes are saved now.
 */
export function noteHandlerDone(response: ServerResponse): void {
  holdOf(response)?.noteHandlerDone();
}

/**
 * - `open`: nothing has been written.
 * - `saving`: the head has been requested and waits, with everything after it.
 * - `passing`: the head is out, or about to be.
 * - `ending`: `end` waits for changes made after the head was out.
 * - `failed`: an error response, or a cut connection, has replaced this response.
 */
type Phase = "open" | "saving" | "passing" | "ending" | "failed";

/** A response whose calls wait until its sessions are saved, and are then replayed in order. */
class ResponseHold implements SharedWriter {
  readonly #response: ServerResponse;
  readonly #protocol: ResponseProtocol;
  readonly #original: ResponseMethods;
  readonly #hooks = new ResponseHooks();
  readonly #isShared: boolean;
  #phase: Phase = "open";
  #isShownEnded = false;
  #isWatchingClose = false;
  /**
   * The head that waits. Without an explicit `writeHead` (`isImplicit`) it is left to Node, which
   * knows the length of the body.
   */
  #head: Head = NO_HEAD;
  #headCall = EXPLICIT_CALL;
  #hasFinishedLate = false;
  #hasFailedEarly = false;
  /** The handler has answered, or given up: later changes are not saved. */
  #isOver = false;
  /** Made by the first call that has to wait. */
  #calls: HeldCalls | undefined = undefined;
  #keptConnection: KeptConnection | undefined = undefined;
  #drainListeners = NO_LISTENERS;
  #error: unknown = undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#protocol = protocolOf(response);
    const native = SHARED.set(response, this);
    this.#isShared = native !== undefined;
    this.#original = native ?? overrideMethods(response, this);
    if (isHttp2(response)) guardStream(response, () => this.#mustSave);
    if (redirectsListeners(response)) this.#watchListeners();
  }

  add(hook: ResponseHook): void {
    this.#hooks.add(hook);
    if (hook.scope.isUsed || hook.scope.notifyUse === undefined) this.noteUse();
    else hook.scope.notifyUse(this);
  }

  get isShownEnded(): boolean {
    return this.#isShownEnded;
  }

  get response(): ServerResponse {
    return this.#response;
  }

  /** A session is used: from here on, a client that leaves matters. */
  noteUse(): void {
    if (this.#isWatchingClose) return;
    this.#isWatchingClose = true;
    if (this.#protocol.isGone(this.#response)) this.noteClose();
    this.#original.on.call(this.#response, "close", noteClose);
  }

  writeHead(args: unknown[]): unknown {
    if (this.#phase === "failed") return this.#response;
    if (this.#isHolding) return this.#protocol.native.writeHead.apply(this.#response, args);
    return this.#mustSave ? this.#begin(args) : this.#pass("writeHead", args);
  }

  write(args: unknown[]): unknown {
    if (this.#phase === "failed") return this.#ignore(args, true);
    if (this.#protocol.isRefusedChunk(args[0], true)) return refuseChunk(args[0]);
    if (this.#mustSave) this.#beginImplicitly();
    if (!this.#isHolding) return this.#pass("write", args);
    return this.#held.write(args, this.#response.writableHighWaterMark);
  }

  end(args: unknown[]): unknown {
    if (this.#phase === "failed") return this.#ignore(args, this.#response);
    if (this.#protocol.isRefusedChunk(args[0], false)) return refuseChunk(args[0]);
    if (this.#mustSave) this.#beginImplicitly({ isLastCall: true });
    else if (!this.#isHolding) this.#finishLate();
    this.#noteOver();
    if (!this.#isHolding) return this.#pass("end", args);
    this.#held.end(args);
    this.#showEnded();
    return this.#response;
  }

  flushHeaders(): unknown {
    if (this.#phase === "failed") return undefined;
    if (this.#mustSave) this.#beginImplicitly();
    return this.#isHolding ? this.#held.flushHeaders() : this.#pass("flushHeaders", []);
  }

  implicitHead(): unknown {
    if (this.#phase === "failed") return undefined;
    const { isImplicit, status } = this.#head;
    if (this.#phase === "passing" && isImplicit) return this.#original.writeHead.call(this.#response, status);
    return this.#response.writeHead(this.#response.statusCode);
  }

  /**
   * A response that is destroyed without an error is complete, and changes of the session are
   * saved. With an error the request has failed, as with status 500, unless the client is gone:
   * Node itself then calls `destroy` with an error for each late write.
   */
  destroy(args: readonly unknown[]): unknown {
    const [error] = args as [error?: Error];
    if (this.#keptConnection) {
      this.#keptConnection.destroyLater(error);
      return this.#response;
    }
    if (error === undefined) this.noteHandlerDone({ isDestroyed: true });
    else if (!this.#protocol.isGone(this.#response)) this.#abandon();
    this.#protocol.beforeDestroy(this.#response);
    return this.#original.destroy.apply(this.#response, args as unknown[]);
  }

  /** The connection has closed. A handler that has not started to answer may still be running. */
  noteClose(): void {
    if (this.#isOver) return;
    // Other `close` listeners, which clean up, may run after this one.
    if (this.#phase === "passing" && this.#hooks.isUsed)
      setImmediate(() => this.#finishLate({ isLast: false }));
    if (this.#phase === "open") this.#watchForAnswer();
  }

  /**
   * A pipeline or a file counts as an answer too, even if none of it is written because the client
   * is gone. Nothing else counts as the end of a handler, which may still fail: a client that
   * leaves must not cause changes to be saved that a 500 would discard.
   */
  #watchForAnswer(): void {
    this.#original.on.call(this.#response, "pipe", () => this.#saveUnanswered());
    const response = this.#response as { sendFile?: (...args: unknown[]) => unknown };
    const { sendFile } = response;
    if (typeof sendFile !== "function") return;
    response.sendFile = (...args) => {
      this.#saveUnanswered();
      return sendFile.apply(response, args);
    };
  }

  saveEarly(status: number): Promise<void> | undefined {
    return this.#finishEarly(status)?.catch((error: unknown) => {
      this.#hasFailedEarly = true;
      throw error;
    });
  }

  saveAsEnded(
    status: number,
    onSaved: () => void,
    onFailed: (error: unknown) => void,
  ): Promise<void> | undefined {
    const pending = this.#finishEarly(status);
    if (pending === undefined) return undefined;
    this.#showEnded();
    return pending.then(
      () => {
        this.#endLook();
        onSaved();
      },
      (error: unknown) => {
        this.#hasFailedEarly = true;
        this.#endLook();
        onFailed(error);
      },
    );
  }

  #finishEarly(status: number): Promise<void> | undefined {
    return this.#mustSave ? this.#finish(false, status) : undefined;
  }

  #endLook(): void {
    this.#hideEnded();
    this.#letGo();
  }

  noteHandlerDone({ isDestroyed } = { isDestroyed: false }): void {
    if (this.#isOver || !(isDestroyed || this.#protocol.isGone(this.#response))) return;
    if (this.#mustSave) this.#beginImplicitly({ isLastCall: true });
    else if (!this.#isHolding) this.#finishLate();
    this.#noteOver();
  }

  #abandon(): void {
    this.#hasFinishedLate = true;
    this.#noteOver();
  }

  #saveUnanswered(): void {
    if (this.#mustSave) this.#beginImplicitly();
  }

  get #held(): HeldCalls {
    return (this.#calls ??= new HeldCalls());
  }

  get #isHolding(): boolean {
    return this.#phase === "saving" || this.#phase === "ending";
  }

  /** Whether the next byte is the first, and a session has to be saved before it. */
  get #mustSave(): boolean {
    return this.#phase === "open" && !this.#response.headersSent && this.#hooks.isUsed;
  }

  #noteOver(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#hooks.noteResponseOver();
  }

  /** Passes a call through. A call that Node refuses leaves the response open. */
  #pass(name: keyof ResponseMethods, args: readonly unknown[]): unknown {
    this.#phase = "passing";
    try {
      return this.#original[name].apply(this.#response, args as unknown[]);
    } catch (error) {
      if (!this.#response.headersSent) this.#phase = "open";
      throw error;
    }
  }

  /**
   * Starts a response for a call that needs a head, through all wrappers over this one, as Node
   * does.
   *
   * @param isLastCall The call is `end`: one save covers all changes of the handler.
   */
  #beginImplicitly({ isLastCall } = { isLastCall: false }): void {
    this.#headCall = { isImplicit: true, isLastCall };
    try {
      this.#response.writeHead(this.#response.statusCode);
      if (this.#phase === "open") this.#begin([this.#response.statusCode]);
    } finally {
      this.#headCall = EXPLICIT_CALL;
    }
  }

  #begin(args: unknown[]): unknown {
    applyHead(this.#response, args);
    const { isImplicit, isLastCall } = this.#headCall;
    this.#head = { status: this.#response.statusCode, isImplicit };
    this.#hasFinishedLate = isLastCall;
    const pending = this.#finish(false) ?? this.#editHeadOrFail();
    if (pending === undefined) {
      this.#passHead();
      return this.#response;
    }
    this.#protocol.showHeadSent(this.#response);
    this.#wait("saving", pending);
    return this.#response;
  }

  #sendHead(): void {
    this.#response.statusCode = this.#head.status;
    this.#editHead();
    this.#passHead();
  }

  #passHead(): void {
    const { status, isImplicit } = this.#head;
    this.#phase = "passing";
    if (!isImplicit) this.#pass("writeHead", [status]);
  }

  /**
   * Saves changes made after the head was out; `end` then waits.
   *
   * @param isLast Whether this is the last save of the response.
   */
  #finishLate({ isLast } = { isLast: true }): void {
    if (this.#phase !== "passing" && this.#phase !== "open") return;
    if (this.#hasFinishedLate || this.#response.writableEnded) return;
    this.#hasFinishedLate = isLast;
    const pending = this.#finish(true);
    if (pending) this.#wait("ending", pending);
  }

  #finish(headersSent: boolean, status = this.#response.statusCode): Promise<void> | undefined {
    if (!this.#hooks.isUsed || this.#hasFailedEarly) return undefined;
    const isClientGone = this.#protocol.isGone(this.#response);
    return this.#hooks.finish({ status, headersSent, isClientGone });
  }

  #wait(phase: Phase, pending: Promise<void>): void {
    this.#phase = phase;
    pending.then(
      () => this.#release(),
      (error: unknown) => this.#fail(error, this.#original),
    );
  }

  #release(): void {
    try {
      this.#hideEnded();
      if (this.#phase === "saving") {
        this.#protocol.hideHeadSent(this.#response);
        this.#sendHead();
      }
      this.#phase = "passing";
      this.#replay();
    } catch (error) {
      // Node refuses some calls only now (Trailer without chunks, strictContentLength). Wrappers
      // beneath have started a response that will not be sent, so they are bypassed.
      this.#fail(error, this.#protocol.native);
    }
  }

  #replay(): void {
    let isAccepted = true;
    for (let call = this.#held.takeNext(); call; call = this.#held.takeNext()) {
      if (call.name === "end" && this.#mustWaitAgain(call)) return;
      isAccepted = this.#replayCall(call) !== false && isAccepted;
    }
    this.#letGo();
    if (this.#protocol.isGone(this.#response)) this.#finishLate({ isLast: false });
    if (this.#held.owesDrain && isAccepted && !this.#response.writableEnded) this.#emitDrain();
  }

  #mustWaitAgain(end: HeldCall): boolean {
    this.#finishLate();
    if (!this.#isHolding) return false;
    this.#held.putBack(end);
    this.#showEnded();
    return true;
  }

  #replayCall(call: HeldCall): unknown {
    if (!this.#protocol.isGone(this.#response)) return this.#pass(call.name, call.args);
    tellCallback(call.args, goneError(this.#response));
    return this.#pass(call.name, withoutCallback(call));
  }

  #showEnded(): void {
    this.#isShownEnded = true;
    const isDirect = this.#original.end === this.#protocol.native.end;
    this.#protocol.showEnded(this.#response, { isDirect, asksHold: this.#isShared });
    const connection = this.#protocol.connectionOf(this.#response);
    if (connection) this.#keptConnection ??= new KeptConnection(this.#response, connection, this.#protocol);
  }

  #hideEnded(): void {
    if (!this.#isShownEnded) return;
    this.#isShownEnded = false;
    this.#protocol.hideEnded(this.#response);
  }

  #letGo(): void {
    this.#keptConnection?.release();
    this.#keptConnection = undefined;
  }

  /** Must not throw: no caller is left to catch it. */
  #fail(error: unknown, original: ResponseMethods): void {
    const isHandlerWriting = !this.#held.hasEnd;
    this.#phase = "failed";
    this.#error = error;
    this.#letGo();
    try {
      this.#protocol.hideHeadSent(this.#response);
      this.#hideEnded();
      this.#held.drop(error);
      if (this.#response.headersSent) this.#cut(error);
      else this.#replaceBy(error, { original, isHandlerWriting });
    } catch (failure) {
      this.#giveUp(failure);
    }
  }

  /** Destroys the connection: a clean end would signal success to the client. */
  #cut(error: unknown): void {
    const failure =
      error instanceof Error ? error : new Error("The session could not be saved.", { cause: error });
    this.#protocol.beforeDestroy(this.#response);
    this.#protocol.native.destroy.call(this.#response, failure);
    this.#hooks.tell(error);
  }

  #replaceBy(error: unknown, options: { original: ResponseMethods; isHandlerWriting: boolean }): void {
    resetHead(this.#response, error);
    const response = new ErrorResponse(this.#response, {
      ...options,
      error,
      editHead: () => this.#hooks.editErrorHead(this.#response, error),
    });
    if (this.#held.owesDrain) this.#emitDrain();
    // Listeners of the failed response are no part of the new one.
    this.#response.removeAllListeners("drain");
    response.answer(() => this.#hooks.tell(error));
  }

  /** The error handler has failed too: sends a bare answer with Node's own methods. */
  #giveUp(failure: unknown): void {
    warnOfFailure(failure);
    try {
      SHARED.remove(this.#response);
      uncover(this.#response);
      if (this.#response.headersSent) {
        this.#protocol.beforeDestroy(this.#response);
        this.#protocol.native.destroy.call(this.#response);
        return;
      }
      resetHead(this.#response, undefined);
      this.#protocol.native.end.call(this.#response);
    } catch {
      this.#protocol.connectionOf(this.#response)?.destroy();
    }
  }

  #editHead(): void {
    this.#hooks.editHead(this.#response);
  }

  /** @returns `undefined` on success. */
  #editHeadOrFail(): Promise<void> | undefined {
    try {
      this.#editHead();
      return undefined;
    } catch (error) {
      return rejectWith(error);
    }
  }

  #ignore<Result>(args: unknown[], result: Result): Result {
    tellCallback(args, this.#error);
    return result;
  }

  /**
   * `compression` beneath moves `drain` listeners to its own stream, which knows nothing of held
   * calls.
   */
  #watchListeners(): void {
    const on = (name: string, listener: () => void): unknown => {
      if (name === "drain" && this.#phase !== "passing")
        this.#drainListeners = [...this.#drainListeners, listener];
      return this.#original.on.call(this.#response, name, listener);
    };
    this.#response.on = on as ServerResponse["on"];
  }

  #emitDrain(): void {
    const own = this.#response.rawListeners("drain");
    const redirected = this.#drainListeners.filter((listener) => !own.includes(listener));
    this.#response.emit("drain");
    for (const listener of redirected) listener.call(this.#response);
  }
}

const SHARED = new SharedOverrides<ResponseHold>();
const OWN = new ResponseOverrides<ResponseHold>("sojourn.hold");

/** Gives a response overrides of its own, which call a hold. @returns The methods beneath. */
function overrideMethods(response: ServerResponse, hold: ResponseHold): ResponseMethods {
  const original = SHARED.beneath(response);
  OWN.set(response, hold);
  response.destroy = destroy as ServerResponse["destroy"];
  return original;
}

function holdOf(response: ServerResponse): ResponseHold | undefined {
  return SHARED.get(response) ?? OWN.get(response);
}

// Shared by all responses, like the overrides.

function noteClose(this: ServerResponse): void {
  holdOf(this)?.noteClose();
}

function destroy(this: ServerResponse, ...args: [error?: Error]): unknown {
  return holdOf(this)?.destroy(args);
}
