import type { Deadline } from "../../core/deadlines.ts";
import { type CookieInfo, FoundSession } from "../session-origin.ts";
import type { EarlierSessions } from "./earlier-sessions.ts";
import type { SessionHome } from "../session-home.ts";
import type { OpenTakeOver } from "./make-take-over.ts";

/** Requests that come with the cookie of another library. */
export class EarlierVisits {
  readonly #open: OpenTakeOver;

  constructor(open: OpenTakeOver) {
    this.#open = open;
  }

  /**
   * Finds the session of a request without a live session of its own. Live sessions come first, in
   * the order of the sources and cookies.
   */
  async open(info: CookieInfo, deadline: Deadline): Promise<FoundSession | undefined> {
    let found: FoundSession | undefined;
    for (const source of this.#open.sources) {
      const { ids, forged } = source.cookies.idsIn(info.cookieHeader);
      if (forged !== undefined) this.#open.takeOver.report(source, forged, "bad-signature");
      for (const id of ids) {
        const each = await this.#openId(source, id, info, deadline);
        if (each?.loaded.status === "live") return each;
        found ??= each;
      }
    }
    return found;
  }

  /** Returns the home of a new session, while servers with the earlier library run as well. */
  newHome(): SessionHome | undefined {
    const { moves, homes, sources } = this.#open;
    return moves || sources[0] === undefined ? undefined : homes.open(sources[0]);
  }

  async #openId(source: EarlierSessions, id: string, { userAgent }: CookieInfo, deadline: Deadline) {
    const { takeOver, moves } = this.#open;
    const known = await takeOver.find(source, id, deadline);
    if (known === undefined && !moves) return this.#openWhereItIs(source, id, deadline);
    const found = known ?? (await takeOver.bring(source, id, { userAgent }, deadline));
    return found && new FoundSession(found.home, found.key, found.loaded, source.cookies);
  }

  async #openWhereItIs(source: EarlierSessions, id: string, deadline: Deadline): Promise<FoundSession> {
    const { takeOver, homes } = this.#open;
    const home = homes.open(source);
    const key = home.keyOf(id);
    const loaded = await home.records.load(key, deadline);
    // Another process may have moved it in between.
    const moved = loaded.status === "absent" ? await takeOver.find(source, id, deadline) : undefined;
    return moved
      ? new FoundSession(moved.home, moved.key, moved.loaded, source.cookies)
      : new FoundSession(home, key, loaded);
  }
}
