/**
 * Error codes of a package that is not installed: from Node.js for `import()`, and for the
 * `require()` that bundlers turn it into.
 */
const CODES: readonly unknown[] = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"];

/**
 * Beginning of the error that Vite puts in place of an optional package that is missing at build
 * time.
 */
const BUNDLED_WITHOUT = /^Could not resolve "/;

/** Returns whether an import failed because the package is not installed, now or at bundling. */
export function isMissingPackage(error: unknown): boolean {
  return (
    error instanceof Error &&
    (CODES.includes((error as NodeJS.ErrnoException).code) || BUNDLED_WITHOUT.test(error.message))
  );
}

/**
 * For the `catch` of an `import()` of an optional package. With it, bundlers leave a missing
 * package to the running program; without it, esbuild refuses to build.
 */
export function leaveToCaller(error: unknown): never {
  throw error;
}
