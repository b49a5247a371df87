import type { Deadline } from "../../core/deadlines.ts";
import { Events, type Listener } from "../../core/events.ts";
import type { SessionKey } from "../../core/ids.ts";
import type { SessionState } from "../session-state.ts";
import type { StoredSession } from "../stored/record-writer.ts";
import type { ObservedSession, SessionEndReason } from "./session-endings.ts";

/** Runs an operation of a session after all earlier ones. */
export type Enqueue = <Result>(operation: (deadline: Deadline) => Promise<Result>) => Promise<Result>;

/** Listeners of the end of a session, of one session object. */
export class EndListeners implements ObservedSession {
  readonly #state: SessionState<object>;
  readonly #enqueue: Enqueue;
  #events = new Events<{ ended: SessionEndReason }>();

  constructor(state: SessionState<object>, enqueue: Enqueue) {
    this.#state = state;
    this.#enqueue = enqueue;
  }

  get storageKey(): SessionKey | undefined {
    return this.#state.stored?.storageKey;
  }

  /** @returns A function that removes the listener. */
  add(listener: Listener<SessionEndReason>): () => void {
    const isFirst = !this.#events.has("ended");
    // A function of its own: the same listener may be added twice.
    const remove = this.#events.on("ended", (reason) => listener(reason));
    if (isFirst) this.#state.services.endings.observe(this);
    return () => {
      remove();
      if (!this.#events.has("ended")) this.#state.services.endings.leave(this);
    };
  }

  async locate(): Promise<SessionKey | undefined> {
    const find = (deadline: Deadline): Promise<StoredSession | undefined> => this.#state.find(deadline);
    return (await this.#enqueue(find))?.storageKey;
  }

  end(reason: SessionEndReason): void {
    const ended = this.#events;
    this.#removeAll();
    ended.emit("ended", reason);
  }

  close(): void {
    this.#removeAll();
    this.#state.services.endings.leave(this);
  }

  /** A listener that is added later is the first one, and observes the session that the object has then. */
  #removeAll(): void {
    this.#events = new Events();
  }
}
