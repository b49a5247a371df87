import type { ServerResponse } from "node:http";
import { rejectWith } from "../../core/reject-with.ts";
import type { ResponseStart, SessionScope } from "../../session/http/request-contract.ts";
import { editHead } from "./response-head.ts";

/** Hooks that run before a response may go out. */
export interface ResponseHook {
  readonly scope: SessionScope;
  /**
   * Called when the session could not be saved. The response is then a fresh one with the status of
   * the error; if its headers were already out, its connection has been cut.
   */
  onError(error: unknown): void;
}

const NO_HOOKS: readonly ResponseHook[] = [];

/**
 * The sessions of a response: one for each `Sessions` that an adapter has mounted before the
 * handler.
 */
export class ResponseHooks {
  #hooks = NO_HOOKS;
  /** The hook whose session is being saved, or sets its headers. */
  #turn: ResponseHook | undefined;

  /** Adds a hook. For a scope that is present already, replaces its `onError`. */
  add(hook: ResponseHook): void {
    if (this.#hooks.length === 0) {
      this.#hooks = Array.of(hook);
      return;
    }
    const others = this.#hooks.filter(({ scope }) => scope !== hook.scope);
    this.#hooks = [...others, hook];
  }

  get isUsed(): boolean {
    for (const { scope } of this.#hooks) if (scope.isUsed) return true;
    return false;
  }

  /**
   * Saves one session after the other: if the first cannot be saved, the second is not saved
   * either, since the response is never sent. A scope that throws has failed like one that rejects.
   *
   * @returns `undefined` when there is nothing to wait for.
   */
  finish(start: ResponseStart): Promise<void> | undefined {
    return this.#finish(start, this.#hooks);
  }

  /** @throws The error of a session whose headers cannot be built. */
  editHead(response: ServerResponse): void {
    for (const hook of this.#hooks) {
      this.#turn = hook;
      editHead(response, hook.scope);
    }
  }

  /**
   * Skips headers that cannot be built: they may be the cause of the error.
   *
   * @param error Error of the response, which is reported already.
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

  /** Reports the error to the hook that was being saved. */
  tell(error: unknown): void {
    this.#turn?.onError(error);
  }

  noteResponseOver(): void {
    for (const { scope } of this.#hooks) scope.noteResponseOver?.();
  }

  #finish(start: ResponseStart, hooks: readonly ResponseHook[]): Promise<void> | undefined {
    let index = 0;
    for (const hook of hooks) {
      index++;
      if (!hook.scope.isUsed) continue;
      this.#turn = hook;
      const pending = finishOrFail(hook.scope, start);
      if (pending === undefined) continue;
      const rest = hooks.slice(index);
      return rest.length === 0 ? pending : pending.then(() => this.#finish(start, rest));
    }
    return undefined;
  }
}

/** Warns the operator of an error that no response can report. */
export function warnOfFailure(failure: unknown): void {
  const error =
    failure instanceof Error ? failure : new Error("An error response has failed.", { cause: failure });
  process.emitWarning(error);
}

function finishOrFail(scope: SessionScope, start: ResponseStart): Promise<void> | undefined {
  try {
    return scope.finish(start);
  } catch (error) {
    return rejectWith(error);
  }
}
