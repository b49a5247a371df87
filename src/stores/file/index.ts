import * as v from "valibot";

import { type Duration, durationSchema } from "../../core/durations.ts";
import { parseSettings, settingsObject } from "../../core/settings.ts";
import type { SessionStore, SessionStoreFactory, StoreContext } from "../session-store.ts";
import { FileLocks } from "./file-locks.ts";
import { FileSessionStore } from "./file-session-store.ts";
import { SessionFolder } from "./session-folder.ts";

export { fileCacheStore, type FileCacheStoreOptions } from "./file-cache-store.ts";

/** Options of {@link fileSessionStore}. */
export interface FileSessionStoreOptions {
  /**
   * Folder of the files; Django's `SESSION_FILE_PATH`. It must exist, be on a disk of this host,
   * and be closed to other users (mode 0700): the names of the files are session keys.
   */
  readonly path: string;
  /** Prefix of the files' names; Django's `SESSION_COOKIE_NAME`. @defaultValue `"sessionid"` */
  readonly prefix?: string | undefined;
  /**
   * Time from a file's modification to its expiry; Django's `SESSION_COOKIE_AGE`. All users of the
   * folder must agree on it. It is not a limit: sessions may live shorter and longer.
   *
   * @defaultValue `"14d"`
   */
  readonly age?: Duration | undefined;
}

const PATH = "the path of a folder";
// The characters of a cookie's name (RFC 9110, token). A file's name may have 255 bytes: the
// longest suffix, with the key, takes 53, and two more characters mark a tombstone.
const PREFIX = "1 to 200 characters of a cookie's name";
const PREFIX_FORM = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}$/;

const optionsSchema = settingsObject({
  path: v.pipe(v.string(PATH), v.regex(/^[^\0]+$/, PATH)),
  prefix: v.optional(v.pipe(v.string(PREFIX), v.regex(PREFIX_FORM, PREFIX)), "sessionid"),
  age: v.optional(durationSchema({ least: 1, most: "3650d" }), "14d"),
});

/**
 * Keeps sessions in files of one folder, as Django's file engine does. For the processes of one
 * host; it needs the package `proper-lockfile`.
 *
 * @throws {ImproperlyConfigured} Once the settings are complete, for a wrong option; on first use,
 * for a wrong folder.
 */
export function fileSessionStore(options: FileSessionStoreOptions): SessionStoreFactory {
  return (context) => openFileSessionStore(options, context);
}

function openFileSessionStore(options: FileSessionStoreOptions, { clock }: StoreContext): SessionStore {
  const { path, prefix, age } = parseSettings(optionsSchema, options, "fileSessionStore");
  const locks = new FileLocks();
  const tombstones = new FileSessionStore({
    folder: new SessionFolder(path, tombstonePrefix(prefix)),
    age: 0,
    clock,
    locks,
  });
  return new FileSessionStore({ folder: new SessionFolder(path, prefix), age, clock, locks, tombstones });
}

/** No cookie's name has an `@`, so Django ignores them. They expire at their modification time. */
function tombstonePrefix(prefix: string): string {
  return `@${prefix}.`;
}
