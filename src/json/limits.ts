/**
 * How deep values may nest, in levels. CPython's `json` gives up near 1000 too (its recursion limit), so a record
 * that Python can write can be read here.
 */
export const MAX_DEPTH = 1000;

/** Longest integer that is read, in characters: CPython's own limit (`sys.int_info.default_max_str_digits`). */
export const MAX_INTEGER_DIGITS = 4300;
