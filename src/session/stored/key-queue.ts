import type { SessionKey } from "../../core/ids.ts";
import type { Version } from "../record/record-serializer.ts";

/** The tasks of one session. */
class Line {
  /** The last task; `undefined`: none waits or runs. */
  last: Promise<unknown> | undefined = undefined;
  waiting = 0;
  latest: Version | undefined = undefined;

  /**
   * To be called when the line is out of use. The Map's earlier hash tables still refer to it until
   * the next full garbage collection, and it to all that its tasks have used.
   */
  clear(): void {
    this.last = undefined;
    this.latest = undefined;
  }
}

/**
 * Runs the commits of one session in this process in sequence, and passes each the version that the
 * previous one wrote. Without it, 100 parallel updates would send about 5000 commits, most of them
 * rejected. Other processes are not blocked: conflicts with them are resolved by the store.
 */
export class KeyQueue {
  readonly #lines = new Map<SessionKey, Line>();

  /**
   * Runs a task when all earlier ones have settled; at once if there are none.
   *
   * @param task Gets the newest version known in this process, if an earlier task has left one.
   */
  async run<Result>(
    key: SessionKey,
    task: (latest: Version | undefined, leave: (version: Version | undefined) => void) => Promise<Result>,
  ): Promise<Result> {
    const line = this.#lines.get(key) ?? new Line();
    this.#lines.set(key, line);
    line.waiting++;
    const take = (): Promise<Result> => this.#take(line, task);
    const turn = line.last === undefined ? take() : line.last.then(take, take);
    line.last = turn;
    try {
      return await turn;
    } finally {
      if (--line.waiting === 0) {
        this.#lines.delete(key);
        line.clear();
      }
    }
  }

  #take<Result>(
    line: Line,
    task: (latest: Version | undefined, leave: (version: Version | undefined) => void) => Promise<Result>,
  ): Promise<Result> {
    const { latest } = line;
    // The version that a failed task leaves in the store is unknown.
    line.latest = undefined;
    return task(latest, (version) => (line.latest = version));
  }
}
