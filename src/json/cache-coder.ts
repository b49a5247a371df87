/**
 * Texts and numbers for what JSON has no type for, in the encodings of codex-django's class of the same name:
 * what either side dumps, the other one loads.
 */
export * as CacheCoder from "./cache-coder/index.ts";
