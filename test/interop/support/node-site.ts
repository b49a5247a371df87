import { createSojourn } from "sojourn";
import { memorySessionStore } from "sojourn/stores/memory";
import { ManualClock } from "sojourn/testing";
import { newSessionKey } from "../../../src/core/ids.ts";
import { defineMember } from "../../../src/json/index.ts";
import type { Session } from "../../../src/session/session.ts";
import type { Sessions } from "../../../src/session/sessions.ts";
import type { SessionStore } from "../../../src/stores/session-store.ts";
import { anyDeadline } from "../../support/any-deadline.ts";
import { SECRET, type SiteSecrets } from "./django-peer.ts";

export type Data = Record<string, unknown>;

const DAY = 86_400_000;

/** Sessions of Node on a memory store whose records a test can bring and take as Django would. */
export class NodeSite {
  readonly clock: ManualClock = new ManualClock();
  readonly sessions: Sessions<Data>;
  /** Why records could not be read, in order. */
  readonly undecodable: string[] = [];
  #store: SessionStore | undefined;

  /** @param site Its `format` is that of the setting `sessions.format`; Django's by default. */
  constructor({
    secret = SECRET,
    fallbacks = [],
    format = "django",
  }: SiteSecrets & { format?: "django" | "django-cache" } = {}) {
    const { sessions } = createSojourn<Data>({
      projectName: "myproject",
      secretKey: secret,
      secretKeyFallbacks: fallbacks,
      clock: this.clock,
      sessions: { store: (context) => (this.#store = memorySessionStore()(context)), format },
    });
    sessions.on("undecodable", ({ reason }) => this.undecodable.push(reason));
    this.sessions = sessions;
  }

  /** Opens a session of which Django has stored the record. */
  async open(record: string): Promise<Session<Data>> {
    const key = newSessionKey();
    await this.#open.create(key, record, DAY, anyDeadline());
    return this.sessions.open(`sessionid=${key}`);
  }

  /** Saves data as a new session. @returns The record. */
  async write(data: Data): Promise<string> {
    const session = await this.sessions.create();
    for (const [key, value] of Object.entries(data)) defineMember(session.data, key, value);
    await session.save();
    return this.recordOf(session);
  }

  /** Contents of the store. */
  async recordOf(session: Session<Data>): Promise<string> {
    const key = session.cookieValue;
    const record = key === undefined ? undefined : await this.#open.read(key, anyDeadline());
    if (record === undefined) throw new Error("The session is not in the store.");
    return record;
  }

  get #open(): SessionStore {
    if (this.#store === undefined) throw new Error("createSojourn made no store.");
    return this.#store;
  }
}
