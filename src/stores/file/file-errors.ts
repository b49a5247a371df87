import { type Outcome, StoreServiceError } from "../../core/errors.ts";

const ADVICE: Readonly<Record<string, string>> = {
  EACCES:
    "Let the user of this process read and write the folder and its files; Django has to run as the same user.",
  EDQUOT: "The user's quota is used up. Make room.",
  EFBIG: "The process may not write files of that size. Raise its limit.",
  EISDIR: "There is a folder where a file of the store belongs. Remove it.",
  ELOOP: "There is a symbolic link where a file of the store belongs, and links are not followed. Remove it.",
  EMFILE: "The process has too many files open. Raise its limit.",
  ENOENT: "The folder no longer exists. Restore it.",
  ENOSPC: "The disk is full. Make room.",
  ENOTDIR: "The folder no longer exists. Restore it.",
  EPERM: "Let the user of this process own the files; Django has to run as the same user.",
  EROFS: "The file system is mounted read-only. Mount it for writing.",
};

/**
 * Returns whether an error is the system's or the locking library's, not a fault in the program.
 */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && /^E[A-Z0-9]+$/.test((error as NodeJS.ErrnoException).code ?? "");
}

/**
 * Makes the error of a failed file operation. Node's error is not its cause: its message and its
 * path contain the name of the file, which is a session key.
 */
export function toServiceError(
  { code = "", syscall = "a lock" }: NodeJS.ErrnoException,
  outcome: Outcome,
): StoreServiceError {
  const advice = ADVICE[code] ?? "Look the code up in the manual of the system call.";
  return new StoreServiceError(`The file store failed at ${syscall} with ${code}. ${advice}`, {
    outcome,
  });
}

/** Returns whether an error is the system's, with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? "");
}
