import type { DriverFailure } from "../commands.ts";
import { BYTES, isFullQueue } from "./node-redis.ts";

/** The part of an application's client that reports its connection state. */
export interface GivenClient {
  readonly isOpen: boolean;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

// Overrides the client's own settings: its time-out would cost an AbortSignal a command, and its
// mapping of types could turn texts into Buffers.
export const COMMAND_OPTIONS = { timeout: 0, typeMapping: {} };
export const BYTES_OPTIONS: object = { ...COMMAND_OPTIONS, ...BYTES };

/** Waits for a client that the application connects. */
export class GivenConnection {
  readonly #client: GivenClient;
  readonly #name: string;
  readonly #events: readonly string[];
  #giveUp: (() => void) | undefined;

  /**
   * @param name Kind of client, for messages.
   * @param events Events that end the wait.
   */
  constructor(client: GivenClient, name: string, events: readonly string[]) {
    this.#client = client;
    this.#name = name;
    this.#events = events;
  }

  /**
   * Waits until the client is connected.
   *
   * @param hasTried Whether its connecting has ended, so that there is no event to wait for.
   * @throws {Error} If the client is not open, or could not connect.
   */
  async open(isReady: () => boolean, hasTried: () => boolean = () => false): Promise<void> {
    if (isReady()) return;
    if (!this.#client.isOpen)
      throw new Error(`the given ${this.#name} is not connected: call its connect() first`);
    if (!hasTried()) await this.#nextEvent();
    if (!isReady()) throw new Error(`the given ${this.#name} could not connect`);
  }

  /** Ends the wait. */
  giveUp(): void {
    this.#giveUp?.();
  }

  #nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        for (const event of this.#events) this.#client.off(event, finish);
        resolve();
      };
      for (const event of this.#events) this.#client.on(event, finish);
      this.#giveUp = finish;
    });
  }
}

/**
 * Classifies an error of a given client. It may come from another copy of the library than ours, so
 * its classes are not known here: error replies are recognised by their form, a code in capitals.
 */
export function explainByForm(error: unknown): DriverFailure {
  if (!(error instanceof Error)) return { kind: "lost", cause: error };
  if (/^[A-Z][A-Z0-9_]+( |$)/.test(error.message)) return { kind: "reply", cause: error };
  if (isFullQueue(error)) return { kind: "full", cause: error };
  const isRefusal = /^The client is (offline|closed)$/.test(error.message);
  return { kind: isRefusal ? "refused" : "lost", cause: error };
}

/** @param remedy The option that turns the queue off. */
export function warnOfOfflineQueue(setting: string, remedy: string): void {
  process.emitWarning(
    `${setting}: the given client keeps commands while it is offline and sends them when it is back, maybe long after ` +
      `their deadline. Create it with ${remedy}.`,
    { type: "SojournWarning", code: "SOJOURN_REDIS_OFFLINE_QUEUE" },
  );
}
