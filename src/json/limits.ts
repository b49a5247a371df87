/**
 * How deep a record that is read may nest, in levels. CPython's `json` gives up near 1000 too (its recursion
 * limit, up to version 3.11), so a record that such a Python can write can be read here.
 */
export const MAX_DEPTH = 1000;

/**
 * How deep a value that is written may nest, in levels. CPython up to 3.11 reads about 990 levels, less one
 * for each call that is under way, and a site with its middleware stands in some hundred calls. Where it
 * gives up, Django takes the whole session for empty.
 */
export const MAX_WRITTEN_DEPTH = 500;

/**
 * Longest integer that is read and written, in digits: CPython's own limit
 * (`sys.int_info.default_max_str_digits`).
 */
export const MAX_INTEGER_DIGITS = 4300;
