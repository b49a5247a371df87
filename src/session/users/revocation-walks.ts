import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { SessionKey } from "../../core/ids.ts";
import { pause } from "../../core/timers.ts";
import type { SessionStore } from "../../stores/session-store.ts";
import { deleteRecords } from "../stored/record-deletion.ts";
import type { SessionRecords } from "../stored/session-records.ts";
import { inSteps, STEP_SIZE } from "./steps.ts";
import { CLOCK_SKEW, halfDone, refOf, type RevocationSteps } from "./user-sessions.ts";

/** Revocations that scan all sessions of a store. */
export class RevocationWalks {
  readonly #store: SessionStore;
  readonly #records: SessionRecords;
  readonly #clock: Clock;

  constructor(store: SessionStore, records: SessionRecords, clock: Clock) {
    this.#store = store;
    this.#records = records;
    this.#clock = clock;
  }

  /** Ends the sessions of one user. */
  async endThoseOf(userId: string, exceptRef: string | undefined, steps: RevocationSteps): Promise<void> {
    await this.#walk(steps, async (keys) => {
      const states = await inSteps(keys, steps.pageDeadline, (at, deadline) =>
        this.#records.listedState(at, userId, deadline),
      );
      const doomed = keys.filter((at, index) => states[index] === "live" && refOf(at) !== exceptRef);
      await deleteRecords(this.#store, doomed, steps.pageDeadline, steps.onEnded);
    });
  }

  /**
   * Ends all sessions.
   *
   * @param longestCreation Maximum duration of a creation that is in progress at the call.
   */
  async endAll(longestCreation: Milliseconds, steps: RevocationSteps): Promise<void> {
    const [begin, started] = [this.#clock.now(), this.#clock.monotonic()];
    await this.#walk(steps, (keys) => deleteRecords(this.#store, keys, steps.pageDeadline, steps.onEnded));
    const left = longestCreation - (this.#clock.monotonic() - started);
    if (left > 0) await pause(left);
    // A session may have been given a new key behind the walk. The new one has the same age.
    while (await this.#endOlder(begin, steps));
  }

  /**
   * Ends sessions older than the revocation.
   *
   * @returns Whether any recorded an older creation time.
   */
  async #endOlder(begin: EpochMilliseconds, steps: RevocationSteps): Promise<boolean> {
    let hasOlder = false;
    await this.#walk(steps, async (keys) => {
      const created = await inSteps(keys, steps.pageDeadline, (at, deadline) =>
        this.#records.createdAt(at, deadline),
      );
      const doomed = keys.filter((_, index) => (created[index] ?? begin) <= begin + CLOCK_SKEW);
      // Django's sessions record no creation time, so new ones would prolong the walk for ever.
      hasOlder ||= created.some((instant) => instant !== undefined && instant <= begin);
      await deleteRecords(this.#store, doomed, steps.pageDeadline, steps.onEnded);
    });
    return hasOlder;
  }

  async #walk(
    { pageDeadline }: RevocationSteps,
    act: (keys: readonly SessionKey[]) => Promise<unknown>,
  ): Promise<void> {
    try {
      for await (const keys of chunksOf(this.#store.scan(pageDeadline))) await act(keys);
    } catch (cause) {
      throw halfDone(cause);
    }
  }
}

async function* chunksOf(
  keys: AsyncIterable<SessionKey>,
): AsyncGenerator<readonly SessionKey[], void, undefined> {
  let chunk: SessionKey[] = [];
  for await (const key of keys) {
    chunk.push(key);
    if (chunk.length < STEP_SIZE) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
