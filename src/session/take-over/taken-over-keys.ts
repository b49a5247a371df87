import { createHash, createHmac } from "node:crypto";
import type { Secrets } from "../../codec/index.ts";
import type { Clock, EpochMilliseconds, Milliseconds } from "../../core/clock.ts";
import type { Deadline } from "../../core/deadlines.ts";
import { hashSessionKey, type SessionKey } from "../../core/ids.ts";
import type { SessionTombstones } from "../../stores/session-tombstones.ts";
import { KeyPair, type SessionKeys } from "../stored/moved-keys.ts";
import { openSealedKey, sealKey } from "../stored/sealed-key.ts";

/** Place of a session that was taken over. */
export interface TakenOver {
  /** `undefined` if it is sealed under a secret that is no longer known. */
  readonly keys: SessionKeys | undefined;
  /** Time when it was taken over. */
  readonly at: EpochMilliseconds;
}

const FORM = /^taken ([0-9a-z]{1,11}) ([a-z0-9]{32})(?: ([A-Za-z0-9_-]{80}))?$/;

/**
 * Remembers under which keys sessions of another library were taken over, so that each is taken
 * over once, and is found by its earlier cookie. The names are hashes of the earlier ids.
 *
 * With `sessions.hashKeys` the store must not know a browser's key: it is encrypted under a secret
 * that is made from the earlier id and `secretKey`, since the store may hold the earlier record,
 * with its id, as well.
 */
export class TakenOverKeys {
  readonly #tombstones: SessionTombstones;
  readonly #secrets: readonly string[];
  readonly #clock: Clock;

  constructor(
    tombstones: SessionTombstones,
    { secretKey, secretKeyFallbacks = [], clock }: Secrets & { readonly clock: Clock },
  ) {
    this.#tombstones = tombstones;
    this.#secrets = [secretKey, ...secretKeyFallbacks];
    this.#clock = clock;
  }

  async find(source: string, id: string, deadline: Deadline): Promise<TakenOver | undefined> {
    return this.#parse(await this.#tombstones.read(nameOf(source, id), deadline), id);
  }

  /**
   * Remembers a session, unless the id has one. The first decides.
   *
   * @returns The one that the id has; `undefined` when this one was remembered.
   */
  async add(
    source: string,
    id: string,
    { key, storageKey }: SessionKeys,
    ttl: Milliseconds,
    deadline: Deadline,
  ): Promise<TakenOver | undefined> {
    const sealed = key === storageKey ? "" : ` ${sealKey(key, this.#sealingKeys(id)[0] ?? key)}`;
    const text = `taken ${this.#clock.now().toString(36)} ${storageKey}${sealed}`;
    return this.#parse(await this.#tombstones.add(nameOf(source, id), text, ttl, deadline), id);
  }

  #parse(text: string | undefined, id: string): TakenOver | undefined {
    const [, at, storageKey, sealed] = FORM.exec(text ?? "") ?? [];
    if (at === undefined || storageKey === undefined) return undefined;
    const key = sealed === undefined ? storageKey : this.#open(sealed, id);
    return {
      keys: key === undefined ? undefined : new KeyPair(key, storageKey),
      at: Number.parseInt(at, 36),
    };
  }

  #open(sealed: string, id: string): SessionKey | undefined {
    for (const under of this.#sealingKeys(id)) {
      const key = openSealedKey(sealed, under);
      if (key !== undefined) return key;
    }
    return undefined;
  }

  #sealingKeys(id: string): readonly SessionKey[] {
    return this.#secrets.map((secret) =>
      hashSessionKey(createHmac("sha256", secret).update(`sojourn.taken:${id}`).digest("hex")),
    );
  }
}

function nameOf(source: string, id: string): string {
  const digest = createHash("sha256").update(`sojourn.taken:${source}:${id}`).digest("base64url");
  return `taken.${digest.slice(0, 22)}`;
}
