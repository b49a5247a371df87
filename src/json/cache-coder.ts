/**
 * Texts and numbers for types that JSON lacks, in the encodings of codex-django's class of the same
 * name, compatible in both directions.
 */
export * as CacheCoder from "./cache-coder/index.ts";
