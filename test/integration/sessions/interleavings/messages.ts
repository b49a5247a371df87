import type { Operation } from "../../../faults/history/history.ts";
import type { EngineDescription } from "../../../support/engines/engine-description.ts";
import type { Spoil } from "./spoilt-store.ts";
import type { Abilities } from "./plan.ts";

/**
 * The settings that the processes of a run share: the place of its sessions, and the fault of the
 * store.
 */
export interface Stage extends Abilities {
  readonly engine: EngineDescription;
  readonly spoil?: Spoil;
}

/** To a process: play your part of a run. */
export interface PlayMessage {
  readonly type: "play";
  readonly stage: Stage;
  readonly seed: number;
  /** The cookie of each visitor. */
  readonly cookies: readonly string[];
}

/** From a process, and to the other ones: a visitor of a run has got another cookie. */
export interface CookieMessage {
  readonly type: "cookie";
  readonly seed: number;
  readonly visitor: number;
  readonly key: string;
}

/** From a process: its part of a run is over. */
export interface PlayedMessage {
  readonly type: "played";
  readonly seed: number;
  readonly operations: readonly Operation[];
}

/** To a process: close what is open, and say so. */
export interface CloseMessage {
  readonly type: "close";
}

export type ActorMessage = { readonly type: "ready" | "closed" } | CookieMessage | PlayedMessage;
export type DirectorMessage = PlayMessage | CookieMessage | CloseMessage;
