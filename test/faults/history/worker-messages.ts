/** What a worker is started with, as JSON in its first argument. */
export interface WorkerOptions {
  readonly url: string;
  readonly projectName: string;
  /** Its number, from 0, and how many there are. */
  readonly process: number;
  readonly processes: number;
  readonly lanes: number;
  /** How many operations it does. */
  readonly operations: number;
  /** Visitors that all lanes of all workers share, and users: visitor `v` logs in as user `v % users`. */
  readonly visitors: number;
  readonly users: number;
  readonly seed: number;
  /** File for the history: one JSON object a line. */
  readonly file: string;
}

/** From a worker, and to the other ones: a visitor has got another cookie. */
export interface CookieMessage {
  readonly type: "cookie";
  readonly visitor: number;
  readonly key: string;
}

/** From a worker: it has done its operations, closed its connections and looked around. */
export interface DoneMessage {
  readonly type: "done";
  /** Active resources that were not there at the start, such as `Timeout` or `TCPSocketWrap`. */
  readonly leakedResources: readonly string[];
  /** Listeners of `process` that were not there at the start. */
  readonly leakedListeners: number;
  /** Node's warnings, such as MaxListenersExceededWarning. */
  readonly warnings: readonly string[];
  readonly unhandledRejections: readonly string[];
}

export type WorkerMessage = { readonly type: "ready" } | CookieMessage | DoneMessage;
export type ParentMessage = { readonly type: "start" } | CookieMessage;

/** Deadline of each call in the workers, in milliseconds. Holes and refusals are longer and shorter than this. */
export const DEADLINE = 400;

/** Both secret and settings that the workers and the final look have to share. */
export const SECRET_KEY = "the secret of the recorded histories";
