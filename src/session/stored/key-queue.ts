import type { SessionKey } from "../../core/ids.ts";

interface Line<Version> {
  tail: Promise<unknown>;
  waiting: number;
  latest: Version | undefined;
}

/**
 * Lets the commits of one session that start in this process go one after another, and hands each the version
 * that the one before it has written. Without it, 100 parallel updates would send about 5000 commits, most to
 * learn that they are late. Other processes are not held up: the store decides, as ever.
 */
export class KeyQueue<Version> {
  readonly #lines = new Map<SessionKey, Line<Version>>();

  /**
   * Runs a task when those before it have ended, however they ended.
   *
   * @param task Gets the newest version known in this process, if any task before it has left one.
   */
  async run<Result>(
    key: SessionKey,
    task: (latest: Version | undefined, leave: (version: Version | undefined) => void) => Promise<Result>,
  ): Promise<Result> {
    const line = this.#lines.get(key) ?? { tail: Promise.resolve(), waiting: 0, latest: undefined };
    this.#lines.set(key, line);
    line.waiting++;
    const turn = line.tail.then(() => this.#take(line, task));
    line.tail = turn.catch(() => {});
    try {
      return await turn;
    } finally {
      if (--line.waiting === 0) this.#lines.delete(key);
    }
  }

  #take<Result>(
    line: Line<Version>,
    task: (latest: Version | undefined, leave: (version: Version | undefined) => void) => Promise<Result>,
  ): Promise<Result> {
    const { latest } = line;
    // What a failed task has left in the store is unknown.
    line.latest = undefined;
    return task(latest, (version) => (line.latest = version));
  }
}
