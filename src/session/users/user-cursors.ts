import { EncryptedCodec, type RecordCodec, type Secrets } from "../../codec/index.ts";
import { SessionUsageError } from "../../core/errors.ts";

/** Passes any text to the encryption unchanged. */
const PLAIN: RecordCodec = {
  format: "cursor",
  metadataFirst: false,
  encode: (payload) => payload,
  decode: (payload) => ({ ok: true, value: { payload, writtenAt: undefined, isOutdated: false } }),
  etag: () => ({ start: 0, text: "" }),
};

/**
 * Encrypts the cursors of user lists for the application, since the stores' cursors may contain
 * session keys. A cursor that was changed, or made for another user, is refused.
 */
export class UserCursors {
  readonly #codec: EncryptedCodec;

  constructor(secrets: Secrets) {
    this.#codec = new EncryptedCodec(PLAIN, secrets);
  }

  seal(userId: string, cursor: string): string {
    return this.#codec.encode(cursor, keysOf(userId));
  }

  /** @throws {SessionUsageError} For a cursor that {@link seal} did not make for this user. */
  open(userId: string, sealed: string): string {
    const opened = typeof sealed === "string" ? this.#codec.decode(sealed, keysOf(userId)) : undefined;
    if (opened?.ok === true) return opened.value.payload;
    throw new SessionUsageError(
      "sessions.pageOfUser() expected a cursor that it returned as `next` for the same user. Begin without one.",
    );
  }
}

/** Returns a substitute for the session key, in a form that no key has. */
function keysOf(userId: string): string {
  return `cursor of user ${userId}`;
}
