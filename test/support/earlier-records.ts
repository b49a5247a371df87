import type { Deadline } from "../../src/core/deadlines.ts";
import { type Etag, hasEtag } from "../../src/core/etag.ts";
import type {
  EarlierSessions,
  EarlierSessionsFactory,
} from "../../src/session/take-over/earlier-sessions.ts";
import type { EarlierRead, EarlierRecords } from "../../src/stores/earlier-records.ts";
import type { CommitResult } from "../../src/stores/session-store.ts";

/** Records of another library in memory, whose calls a test can interrupt. */
export class MemoryEarlierRecords implements EarlierRecords {
  readonly texts = new Map<string, string>();
  /** Called before each call but reads, with its name. */
  before: (name: string) => unknown = () => {};

  async read(id: string): Promise<EarlierRead> {
    const text = this.texts.get(id);
    return text === undefined ? "absent" : { text, ttl: 1_000_000 };
  }

  async create(id: string, text: string): Promise<boolean> {
    await this.before("create");
    if (this.texts.has(id)) return false;
    this.texts.set(id, text);
    return true;
  }

  commit(id: string, text: string, etag: Etag): Promise<CommitResult> {
    return this.#ifMatch("commit", id, etag, () => this.texts.set(id, text));
  }

  touch(id: string, etag: Etag): Promise<CommitResult> {
    return this.#ifMatch("touch", id, etag, () => {});
  }

  async delete(id: string): Promise<boolean> {
    await this.before("delete");
    return this.texts.delete(id);
  }

  deleteIfMatch(id: string, etag: Etag): Promise<CommitResult> {
    return this.#ifMatch("deleteIfMatch", id, etag, () => this.texts.delete(id));
  }

  async *scan(_pageDeadline: () => Deadline): AsyncGenerator<readonly string[], void, undefined> {
    yield [...this.texts.keys()];
  }

  async ping(): Promise<void> {}

  async #ifMatch(name: string, id: string, etag: Etag, act: () => void): Promise<CommitResult> {
    await this.before(name);
    const record = this.texts.get(id);
    if (record === undefined) return { status: "gone" };
    if (!hasEtag(record, etag) || record.length !== Buffer.from(etag.text, "latin1").toString().length)
      return { status: "conflict", record };
    act();
    return { status: "committed" };
  }
}

/** A source whose cookie is the id itself, and whose records have the members `own` and `user`. */
export function earlierSource(
  records: EarlierRecords,
  format: Partial<EarlierSessions["format"]> = {},
): EarlierSessionsFactory {
  return () => ({
    name: "earlier",
    records,
    cookies: {
      idsIn: (header) => {
        const id = /(?:^|; )earlier=([^;]*)/.exec(header ?? "")?.[1];
        return { ids: id === undefined ? [] : [id], forged: undefined };
      },
      headerOf: (id) => `earlier=${id}`,
      set: () => [],
      clear: () => [],
    },
    format: {
      toJson: (text) => text,
      fromJson: (json) => json,
      isOwn: (name) => name === "own",
      ownMembers: (previous) => ({ own: previous["own"] }),
      lifeOf: () => undefined,
      endOf: () => undefined,
      userOf: ({ user }) => user,
      setUser: (data, userId) => void (data["user"] = userId),
      ...format,
    },
  });
}
