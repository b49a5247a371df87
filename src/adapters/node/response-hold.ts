import type { ServerResponse } from "node:http";
import type { SessionScope } from "../../session/request-contract.ts";
import { ErrorResponse } from "./error-response.ts";
import { goneError, type HeldCall, HeldCalls, isRefusedChunk, tellCallback, withoutCallback } from "./held-calls.ts";
import { hideEnded, hideHeadSent, showEnded, showHeadSent } from "./held-state.ts";
import { applyHead, editHead, resetHead } from "./response-head.ts";
import {
  methodsOf,
  nativeMethods,
  putOver,
  redirectsListeners,
  type ResponseMethods,
  type ResponseWriter,
} from "./response-methods.ts";

/** Who has to be asked before a response may go out. */
export interface ResponseHook {
  readonly scope: SessionScope;
  /**
   * Called when the session could not be saved. The response is a fresh one then, with the status of the error, unless
   * its headers were out before: then its connection is cut already. It must not throw.
   */
  readonly onError: (error: unknown) => void;
}

const EXPLICITLY = { isImplicit: false, isWhole: false };

// A property, since a WeakMap of all responses costs the garbage collector more than all the rest of the hold.
const HOLD = Symbol("sojourn.hold");

/**
 * Makes a response wait for its sessions: nothing of it reaches the client before {@link SessionScope.finish} is done.
 * A response whose scope was not used goes through untouched.
 *
 * There is one hold a response: a scope that it knows already only gets the new `onError`, which is nearer to the
 * handler.
 */
export function holdResponse(response: ServerResponse, hook: ResponseHook): void {
  const held = response as ServerResponse & { [HOLD]?: ResponseHold };
  held[HOLD] ??= new ResponseHold(response);
  held[HOLD].add(hook);
}

/**
 * - `open`: nothing has been written.
 * - `saving`: the head is asked for and waits, with all that follows it.
 * - `passing`: the head is out, or about to be.
 * - `ending`: `end` waits for what was changed after the head was out.
 * - `failed`: an error response, or a cut connection, has taken the place of this one.
 */
type Phase = "open" | "saving" | "passing" | "ending" | "failed";

/** A response on which calls wait until its sessions are saved, and then follow in their order. */
class ResponseHold implements ResponseWriter {
  readonly #response: ServerResponse;
  readonly #below: ResponseMethods;
  #hooks: readonly ResponseHook[] = [];
  #phase: Phase = "open";
  /** The head that waits. One that nobody wrote (`isImplicit`) is left to Node, which knows the length of the body. */
  #head = { status: 0, isImplicit: false };
  #asking = EXPLICITLY;
  #hasFinishedLate = false;
  readonly #held = new HeldCalls();
  readonly #drainListeners: (() => void)[] = [];
  #error: unknown;
  /** Whose session is being saved. */
  #turn: ResponseHook | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.#below = methodsOf(response);
    putOver(response, this);
    if (redirectsListeners(response)) this.#watchListeners();
  }

  add(hook: ResponseHook): void {
    this.#hooks = [...this.#hooks.filter(({ scope }) => scope !== hook.scope), hook];
  }

  writeHead(args: unknown[]): unknown {
    if (this.#phase === "failed") return this.#response;
    if (this.#isHolding) return nativeMethods.writeHead.apply(this.#response, args);
    return this.#mustSave ? this.#begin(args) : this.#pass("writeHead", args);
  }

  write(args: unknown[]): unknown {
    if (this.#phase === "failed") return this.#ignore(args, true);
    if (isRefusedChunk(args[0], true)) return nativeMethods.write.apply(this.#response, args);
    if (this.#mustSave) this.#beginImplicitly();
    if (!this.#isHolding) return this.#pass("write", args);
    return this.#held.write(args, this.#response.writableHighWaterMark);
  }

  end(args: unknown[]): unknown {
    if (this.#phase === "failed") return this.#ignore(args, this.#response);
    if (isRefusedChunk(args[0], false)) return nativeMethods.end.apply(this.#response, args);
    if (this.#mustSave) this.#beginImplicitly({ isWhole: true });
    else if (!this.#isHolding) this.#finishLate();
    if (!this.#isHolding) return this.#pass("end", args);
    this.#held.end(args);
    showEnded(this.#response);
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
    if (this.#phase === "passing" && isImplicit) return this.#below.writeHead.call(this.#response, status);
    return this.#response.writeHead(this.#response.statusCode);
  }

  get #isHolding(): boolean {
    return this.#phase === "saving" || this.#phase === "ending";
  }

  /** Whether the next byte is the first, and a session wants to be saved before it. */
  get #mustSave(): boolean {
    return this.#phase === "open" && !this.#response.headersSent && this.#hooks.some(({ scope }) => scope.isUsed);
  }

  /** Lets a call through. What Node refuses leaves the response as open as it was. */
  #pass(name: keyof ResponseMethods, args: readonly unknown[]): unknown {
    this.#phase = "passing";
    try {
      return this.#below[name].apply(this.#response, args as unknown[]);
    } catch (error) {
      if (!this.#response.headersSent) this.#phase = "open";
      throw error;
    }
  }

  /**
   * Begins a response by a call that needs a head, through all wrappers that stand over this one, as Node does it.
   *
   * @param isWhole The call is `end`: one save covers all that the handler has done.
   */
  #beginImplicitly({ isWhole } = { isWhole: false }): void {
    this.#asking = { isImplicit: true, isWhole };
    try {
      this.#response.writeHead(this.#response.statusCode);
      if (this.#phase === "open") this.#begin([this.#response.statusCode]);
    } finally {
      this.#asking = EXPLICITLY;
    }
  }

  #begin(args: unknown[]): unknown {
    applyHead(this.#response, args);
    const { isImplicit, isWhole } = this.#asking;
    this.#head = { status: this.#response.statusCode, isImplicit };
    this.#hasFinishedLate = isWhole;
    const pending = this.#finish(false);
    if (pending === undefined) {
      this.#sendHead();
      return this.#response;
    }
    showHeadSent(this.#response);
    this.#wait("saving", pending);
    return this.#response;
  }

  #sendHead(): void {
    const { status, isImplicit } = this.#head;
    this.#response.statusCode = status;
    this.#editHead();
    this.#phase = "passing";
    if (!isImplicit) this.#pass("writeHead", [status]);
  }

  /** Saves what was changed after the head was out; `end` then waits. */
  #finishLate(): void {
    if (this.#hasFinishedLate || this.#response.writableEnded) return;
    this.#hasFinishedLate = true;
    const pending = this.#finish(true);
    if (pending) this.#wait("ending", pending);
  }

  /** One session after the other: when the first cannot be saved, the second is not saved for a response that never was. */
  #finish(headersSent: boolean, hooks: readonly ResponseHook[] = this.#hooks): Promise<void> | undefined {
    const start = { status: this.#response.statusCode, headersSent };
    for (const [index, hook] of hooks.entries()) {
      if (!hook.scope.isUsed) continue;
      this.#turn = hook;
      const pending = hook.scope.finish(start);
      const rest = hooks.slice(index + 1);
      if (pending) return rest.length === 0 ? pending : pending.then(() => this.#finish(headersSent, rest));
    }
    return undefined;
  }

  #wait(phase: Phase, pending: Promise<void>): void {
    this.#phase = phase;
    pending.then(
      () => this.#release(),
      (error: unknown) => this.#fail(error, this.#below),
    );
  }

  #release(): void {
    try {
      if (this.#phase === "saving") {
        hideHeadSent(this.#response);
        this.#sendHead();
      }
      this.#phase = "passing";
      this.#replay();
    } catch (error) {
      // Node refuses late what could not be foreseen (Trailer without chunks, strictContentLength). What lies beneath
      // has begun a response that is not to be, so it is passed by.
      this.#fail(error, nativeMethods);
    }
  }

  #replay(): void {
    let isAccepted = true;
    for (let call = this.#held.takeNext(); call; call = this.#held.takeNext()) {
      if (call.name === "end" && this.#mustWaitAgain(call)) return;
      isAccepted = this.#replayCall(call) !== false && isAccepted;
    }
    if (this.#held.owesDrain && isAccepted && !this.#response.writableEnded) this.#emitDrain();
  }

  #mustWaitAgain(end: HeldCall): boolean {
    hideEnded(this.#response);
    this.#finishLate();
    if (!this.#isHolding) return false;
    this.#held.putBack(end);
    showEnded(this.#response);
    return true;
  }

  #replayCall(call: HeldCall): unknown {
    const { destroyed, socket } = this.#response;
    if (!destroyed && !socket?.destroyed) return this.#pass(call.name, call.args);
    tellCallback(call.args, goneError(this.#response));
    return this.#pass(call.name, withoutCallback(call));
  }

  #fail(error: unknown, below: ResponseMethods): void {
    const isHandlerWriting = !this.#held.hasEnd;
    this.#phase = "failed";
    this.#error = error;
    hideHeadSent(this.#response);
    hideEnded(this.#response);
    this.#held.drop(error);
    if (this.#response.headersSent) this.#cut(error);
    else this.#replaceBy(error, { below, isHandlerWriting });
  }

  /** A clean end would tell the client that all is well. */
  #cut(error: unknown): void {
    this.#response.destroy(
      error instanceof Error ? error : new Error("The session could not be saved.", { cause: error }),
    );
    this.#turn?.onError(error);
  }

  #replaceBy(error: unknown, options: { below: ResponseMethods; isHandlerWriting: boolean }): void {
    resetHead(this.#response, error);
    const response = new ErrorResponse(this.#response, { ...options, error, editHead: () => this.#editHead() });
    if (this.#held.owesDrain) this.#emitDrain();
    // Who has waited for it so far is no part of the new response.
    this.#response.removeAllListeners("drain");
    response.answer(() => this.#turn?.onError(error));
  }

  #editHead(): void {
    editHead(
      this.#response,
      this.#hooks.map(({ scope }) => scope),
    );
  }

  #ignore<Result>(args: unknown[], result: Result): Result {
    tellCallback(args, this.#error);
    return result;
  }

  /** `compression` beneath brings `drain` listeners to its own stream, which knows nothing of what is held. */
  #watchListeners(): void {
    const on = (name: string, listener: () => void): unknown => {
      if (name === "drain" && this.#phase !== "passing") this.#drainListeners.push(listener);
      return this.#below.on.call(this.#response, name, listener);
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
