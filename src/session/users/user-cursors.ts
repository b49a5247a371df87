import { EncryptedCodec, type RecordCodec, type Secrets } from "../../codec/index.ts";
import { SessionUsageError } from "../../core/errors.ts";

/** Gives any text to the encryption. */
const PLAIN: RecordCodec = {
  format: "cursor",
  factsFirst: false,
  encode: (payload) => payload,
  decode: (payload) => ({ ok: true, value: { payload, writtenAt: undefined, isOutdated: false } }),
  etag: () => ({ start: 0, text: "" }),
};

/**
 * Cursors of the lists of users, as the application sees them. Those of the stores may hold session keys, so
 * they are encrypted; a cursor that was changed, or made for another user, does not open.
 */
export class UserCursors {
  readonly #codec: EncryptedCodec;

  constructor(secrets: Secrets) {
    this.#codec = new EncryptedCodec(PLAIN, secrets);
  }

  seal(userId: string, cursor: string): string {
    return this.#codec.encode(cursor, placeOf(userId));
  }

  /** @throws {SessionUsageError} For what {@link seal} has not made for this user. */
  open(userId: string, sealed: string): string {
    const opened = typeof sealed === "string" ? this.#codec.decode(sealed, placeOf(userId)) : undefined;
    if (opened?.ok === true) return opened.value.payload;
    throw new SessionUsageError(
      "sessions.pageOfUser() expected a cursor that it has answered as `next` for the same user. Begin without one.",
    );
  }
}

/** Takes the place of a session key, of which it has not the form. */
function placeOf(userId: string): string {
  return `cursor of user ${userId}`;
}
