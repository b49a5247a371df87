import type { EngineDescription } from "../../support/engines/engine-description.ts";
import { type Clock, systemClock } from "../../../src/core/clock.ts";
import type { Subject } from "./operator.ts";

/** The settings of a worker, as JSON in its first argument. */
export interface WorkerOptions {
  /** Where the sessions are, through the proxy. */
  readonly engine: EngineDescription;
  /** Whether it has an index of users. */
  readonly hasUsers: boolean;
  readonly projectName: string;
  /** Its number, from 0. */
  readonly process: number;
  readonly seed: number;
  /** When the recording began; see {@link historyClock}. */
  readonly epoch: number;
  /** File for the history: one JSON object a line. */
  readonly file: string;
}

/** To a worker: a browser has sent a request. */
export interface RequestMessage {
  readonly type: "request";
  readonly number: number;
  /** Connections serve one request after another. */
  readonly lane: string;
  readonly subject: Subject;
}

/** The result of a request, as its browser hears it. */
export interface Answer {
  /** The operation. */
  readonly id: string;
  /** Names of what it shows. */
  readonly names: readonly string[];
  readonly setCookie: string | undefined;
  readonly isOk: boolean;
  readonly isAbsent: boolean;
  /**
   * Whether the cookie leads to a session whose beginning nobody knows; it could not be told from one that
   * was lost.
   */
  readonly isUseless: boolean;
}

/** From a worker: the response. */
export interface AnswerMessage {
  readonly type: "answer";
  readonly number: number;
  readonly answer: Answer;
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

export type WorkerMessage = { readonly type: "ready" } | AnswerMessage | DoneMessage;
export type ParentMessage = { readonly type: "stop" } | RequestMessage;

/** Deadline of each call in the workers, in milliseconds. Holes and refusals are longer and shorter than this. */
export const DEADLINE = 400;

/** How many sessions a user may have. There are few users, and visitors who leave sessions behind. */
export const MAX_PER_USER = 3;

/** How much faster the sessions' time of day goes, so that keys are renewed twenty times a second. */
export const SPEED = 20;

/**
 * Returns the clock of the workers and the final look. @param epoch The moment from which on it
 * goes faster.
 */
export function historyClock(epoch: number): Clock {
  return {
    now: () => Math.round(epoch + SPEED * (systemClock.now() - epoch)),
    monotonic: () => systemClock.monotonic(),
  };
}

const [FIRST, SECOND] = [
  "the first secret of the recorded histories",
  "the second secret of the recorded histories",
];

/** The secrets of the workers and of the final look: they are rotated all the time. */
export const SECRETS = [
  { secretKey: FIRST, secretKeyFallbacks: [SECOND] },
  { secretKey: SECOND, secretKeyFallbacks: [FIRST] },
] as const;

/** How long each secret is the current one, in milliseconds. */
export const ROTATE_EVERY = 700;
