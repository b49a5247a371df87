import type { ServerResponse } from "node:http";
import type { ResponseStart, SessionScope } from "../../session/http/request-contract.ts";
import { editHead } from "./response-head.ts";

/** Hooks that run before a response may go out. */
export interface ResponseHook {
  readonly scope: SessionScope;
  /**
   * Called when the session could not be saved. The response is a fresh one then, with the status of the
   * error, unless its headers were out before: then its connection is cut already.
   */
  readonly onError: (error: unknown) => void;
}

/** The sessions of a response: one for each kind of sessions that an adapter has put before its handler. */
export class ResponseHooks {
  #hooks: readonly ResponseHook[] = [];
  /** Hooks whose session is being saved, or makes its headers. */
  #turn: ResponseHook | undefined;

  /** A scope that is there already only gets the new `onError`. */
  add(hook: ResponseHook): void {
    this.#hooks = [...this.#hooks.filter(({ scope }) => scope !== hook.scope), hook];
  }

  get isUsed(): boolean {
    return this.#hooks.some(({ scope }) => scope.isUsed);
  }

  /**
   * Saves one session after the other: when the first cannot be saved, the second is not saved for a response
   * that never was. A scope that throws has failed like one that rejects.
   *
   * @returns `undefined` when there is nothing to wait for.
   */
  finish(start: ResponseStart): Promise<void> | undefined {
    return this.#finish(start, this.#hooks);
  }

  /** @throws What a session throws whose headers cannot be made. */
  editHead(response: ServerResponse): void {
    for (const hook of this.#hooks) {
      this.#turn = hook;
      editHead(response, hook.scope);
    }
  }

  /**
   * An error response does without what cannot be said: it may be the very thing that has failed.
   *
   * @param error That of the response, which is told already.
   */
  editErrorHead(response: ServerResponse, error: unknown): void {
    for (const { scope } of this.#hooks) {
      try {
        editHead(response, scope);
      } catch (failure) {
        if (failure !== error) warnOfFailure(failure);
      }
    }
  }

  /** Tells whose turn it was. */
  tell(error: unknown): void {
    this.#turn?.onError(error);
  }

  noteResponseOver(): void {
    for (const { scope } of this.#hooks) scope.noteResponseOver?.();
  }

  #finish(start: ResponseStart, hooks: readonly ResponseHook[]): Promise<void> | undefined {
    for (const [index, hook] of hooks.entries()) {
      if (!hook.scope.isUsed) continue;
      this.#turn = hook;
      const pending = finishOrFail(hook.scope, start);
      const rest = hooks.slice(index + 1);
      if (pending) return rest.length === 0 ? pending : pending.then(() => this.#finish(start, rest));
    }
    return undefined;
  }
}

/** Tells the operator of an error that no response can tell. */
export function warnOfFailure(failure: unknown): void {
  const error = failure instanceof Error ? failure : new Error("An error response has failed.", { cause: failure });
  process.emitWarning(error);
}

function finishOrFail(scope: SessionScope, start: ResponseStart): Promise<void> | undefined {
  try {
    return scope.finish(start);
  } catch (error) {
    return rejectWith(error);
  }
}

/** `Promise.reject` for what is caught. */
export async function rejectWith(error: unknown): Promise<never> {
  throw error;
}
