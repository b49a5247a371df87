/**
 * Codes of a package that is not installed: of Node.js for `import()`, and for the `require()` that bundlers
 * make of it.
 */
const CODES: readonly unknown[] = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"];

/** Text by which Vite replaces an optional package that is not installed when it builds. */
const BUNDLED_WITHOUT = /^Could not resolve "/;

/** Whether an import failed because the package is not installed, now or when the program was bundled. */
export function isMissingPackage(error: unknown): boolean {
  return (
    error instanceof Error &&
    (CODES.includes((error as NodeJS.ErrnoException).code) || BUNDLED_WITHOUT.test(error.message))
  );
}

/**
 * For the `catch` of an `import()` of an optional package, with which bundlers leave one that they do not
 * find to the running program; without it esbuild refuses to build.
 */
export function leaveToCaller(error: unknown): never {
  throw error;
}
