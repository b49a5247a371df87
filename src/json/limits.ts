/**
 * Maximum nesting of a record that is read, in levels. CPython's `json` gives up near 1000 too (its
 * recursion limit, up to version 3.11), so records of such a Python can be read here.
 */
export const MAX_DEPTH = 1000;

/**
 * Maximum nesting of a value that is written, in levels. CPython up to 3.11 reads about 990 levels,
 * less one for each active call, and a site with its middleware is some hundred calls deep. Where
 * it gives up, Django treats the whole session as empty.
 */
export const MAX_WRITTEN_DEPTH = 500;

/**
 * Maximum length of an integer that is read or written, in digits: CPython's own limit
 * (`sys.int_info.default_max_str_digits`).
 */
export const MAX_INTEGER_DIGITS = 4300;
