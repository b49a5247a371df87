import type { Deadline } from "../../core/deadlines.ts";
import { type CookieInfo, FoundSession } from "../session-origin.ts";
import type { EarlierSessions } from "./earlier-sessions.ts";
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

  async #openId(source: EarlierSessions, id: string, { userAgent }: CookieInfo, deadline: Deadline) {
    const { takeOver } = this.#open;
    const found =
      (await takeOver.find(source, id, deadline)) ??
      (await takeOver.bring(source, id, { userAgent }, deadline));
    return found && new FoundSession(found.home, found.key, found.loaded, source.cookies);
  }
}
