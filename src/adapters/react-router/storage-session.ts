import { describeGiven } from "../../core/calls.ts";
import { SessionUsageError } from "../../core/errors.ts";
import type { SessionScope } from "../../session/http/request-contract.ts";
import type { Session } from "../../session/session.ts";
import type { FlashSessionData, ReactRouterSession } from "./storage-types.ts";

/** A session in the form of React Router's `Session`. */
export class StorageSession<Data extends object, FlashData> implements ReactRouterSession<Data, FlashData> {
  readonly sojourn: Session<Data>;
  readonly #scope: SessionScope;
  /** A scope saves nothing after a failure. */
  #failure: { readonly error: unknown } | undefined = undefined;

  constructor(session: Session<Data>, scope: SessionScope) {
    this.sojourn = session;
    this.#scope = scope;
  }

  get id(): string {
    return this.sojourn.ref ?? "";
  }

  get data(): FlashSessionData<Data, FlashData> {
    return { ...this.sojourn.data };
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#parts, name) || Object.hasOwn(this.#parts, flashName(name));
  }

  get(name: string): never {
    const parts = this.#parts;
    if (Object.hasOwn(parts, name)) return parts[name] as never;
    const flashed = flashName(name);
    if (!Object.hasOwn(parts, flashed)) return undefined as never;
    const value = parts[flashed];
    delete parts[flashed];
    return value as never;
  }

  set(name: string, value: unknown): void {
    this.#parts[name] = value;
  }

  flash(name: string, value: unknown): void {
    this.#parts[flashName(name)] = value;
  }

  unset(name: string): void {
    delete this.#parts[name];
  }

  /** @param lifetime Seconds or a date, as `maxAge` and `expires` of a cookie; `undefined` leaves it as it is. */
  setLifetime(lifetime: number | Date | undefined): void {
    if (lifetime === undefined || this.sojourn.isEmpty) return;
    if (typeof lifetime === "number" && !(Number.isInteger(lifetime) && lifetime > 0)) {
      throw new SessionUsageError(
        `commitSession() expected maxAge as whole seconds above 0, got ${describeGiven(lifetime)}. ` +
          "destroySession() ends a session.",
      );
    }
    this.sojourn.setExpiry(lifetime);
  }

  /** Saves changes, or extends the session. @returns A Set-Cookie header; empty where the browser's cookie is right. */
  async commit(): Promise<string> {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      await this.#scope.finish({ status: 200, headersSent: false });
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
    // Before it come those that clear a cookie of the same name on other paths, for which there is no room.
    return this.#scope.headers().setCookie.at(-1) ?? "";
  }

  get #parts(): Record<string, unknown> {
    return this.sojourn.data as Record<string, unknown>;
  }
}

/** The name under which React Router keeps a value until it is read. */
function flashName(name: string): string {
  return `__flash_${name}__`;
}
