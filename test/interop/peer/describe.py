"""Writes a value so that two texts are equal only if the values are, in type, in bits and in the order of keys.

The same notation is written by support/describe-value.ts.
"""

import json
import math
import struct
import sys
from contextlib import contextmanager

LARGEST_SAFE_INTEGER = 2**53 - 1
# ECMA-262, "array index": such keys come first in an object, in ascending order.
LARGEST_ARRAY_INDEX = 2**32 - 2


def python_view(value):
    """1, 1.0 and True differ; so do 0.0 and -0.0."""
    with deep_recursion():
        return _describe(value, _python_number, list)


def javascript_view(value):
    """What JavaScript can hold of a value: one type of number, and bigint (written n) for integers beyond 2^53."""
    with deep_recursion():
        return _describe(value, _javascript_number, _in_order_of_javascript)


def _describe(value, number, order):
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return json.dumps(value)
    if kind is int or kind is float:
        return number(value)
    if kind is list:
        return "[" + ",".join([_describe(item, number, order) for item in value]) + "]"
    if kind is dict:
        return "{" + ",".join([_member(key, value[key], number, order) for key in order(value)]) + "}"
    raise TypeError(f"JSON gives no {kind.__name__}")


def _member(key, value, number, order):
    return json.dumps(key) + ":" + _describe(value, number, order)


def _python_number(value):
    return f"i{value}" if type(value) is int else _float(value)


def _javascript_number(value):
    if type(value) is int:
        return f"i{value}" if abs(value) <= LARGEST_SAFE_INTEGER else f"n{value}"
    is_negative_zero = value == 0 and math.copysign(1, value) < 0
    if value.is_integer() and abs(value) <= LARGEST_SAFE_INTEGER and not is_negative_zero:
        return f"i{int(value)}"
    return _float(value)


def _float(value):
    return "fNaN" if math.isnan(value) else "f" + struct.pack(">d", value).hex()


def _in_order_of_javascript(keys):
    indexes = [key for key in keys if _is_array_index(key)]
    return sorted(indexes, key=int) + [key for key in keys if not _is_array_index(key)]


def _is_array_index(key):
    is_canonical = key == "0" or (key.isascii() and key.isdigit() and key[0] != "0")
    return is_canonical and len(key) <= 10 and int(key) <= LARGEST_ARRAY_INDEX


@contextmanager
def deep_recursion():
    """For the tests' own code only: with another limit, Django would read other records than in production."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
