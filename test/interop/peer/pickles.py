"""Pickles of random plain data, by what Python's standard library does.

    pickles.py SEED COUNT

Prints a list of objects: the pickle in base64, its protocol, what json.dumps makes of the value (null when it cannot), and
the value in a notation of its own, which tells all types apart.
"""

import base64
import io
import json
import pickle
import random
import struct
import sys

ALPHABETS = ["abcdefgh_", "aé\u2028\x7f\"\\/\n\x00", "😀\ud800\udfff\ufeff\uffff"]
EDGES = [0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, 2**70, 10**30]
FLOATS = [0.0, -0.0, 1.0, 1e16, 1e15, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308, float("inf"), float("nan")]


def main(seed, count):
    report = []
    for index in range(int(count)):
        source = random.Random(f"{seed} {index}")
        protocol = source.choice([2, 3, 4, 5])
        # What is pickled as a call in older protocols is none of plain data.
        types = {2: JSON_TYPES, 3: JSON_TYPES + [a_bytes]}.get(protocol, JSON_TYPES + OTHER_TYPES)
        if protocol == 5:
            types = types + [a_bytearray]
        types = types if source.random() < 0.3 else JSON_TYPES
        value = a_value(source, types, source.randint(0, 5), [])
        report.append(
            {
                "protocol": protocol,
                "pickle": base64.b64encode(dump(value, protocol, source)).decode(),
                "json": as_json(value),
                "described": describe(value),
            }
        )
    print(json.dumps(report))


def dump(value, protocol, source):
    pickler = source.choice([pickle.Pickler, pickle._Pickler])
    stream = io.BytesIO()
    pickler(stream, protocol).dump(value)
    return stream.getvalue()


def as_json(value):
    try:
        return json.dumps(value, separators=(",", ":"))
    except TypeError:
        return None


def a_value(source, types, depth, seen):
    if seen and source.random() < 0.1:
        return source.choice(seen)
    if depth > 0 and source.random() < 0.6:
        made = source.choice([a_list, a_tuple, a_dict, a_dict])(source, types, depth - 1, seen)
    else:
        made = source.choice(types)(source)
    seen.append(made)
    return made


def a_list(source, types, depth, seen):
    return [a_value(source, types, depth, seen) for _ in range(a_length(source))]


def a_tuple(source, types, depth, seen):
    return tuple(a_list(source, types, depth, seen))


def a_dict(source, types, depth, seen):
    key = source.choice([a_text, a_text, a_text, a_key])
    return {key(source): a_value(source, types, depth, seen) for _ in range(a_length(source))}


def a_length(source):
    return source.choice([0, 1, 2, 3, 4, 7])


def a_text(source):
    length = source.choice([0, 1, 2, 5, 300])
    return "".join(source.choices(source.choice(ALPHABETS), k=length))


def an_int(source):
    return source.choice(EDGES) * source.choice([1, -1]) + source.choice([0, 0, 1, -1])


def a_float(source):
    return source.choice([source.choice(FLOATS), source.uniform(-1e6, 1e6), source.uniform(-1, 1) * 10 ** source.randint(-300, 300)])


def a_bool(source):
    return source.random() < 0.5


def none(_):
    return None


def a_key(source):
    return source.choice([an_int, a_bool, none, a_text])(source)


def a_bytes(source):
    return source.randbytes(source.choice([0, 1, 5, 300]))


def a_bytearray(source):
    return bytearray(a_bytes(source))


def a_set(source):
    return {source.choice([an_int, a_text, none])(source) for _ in range(a_length(source))}


def a_frozenset(source):
    return frozenset(a_set(source))


JSON_TYPES = [a_text, an_int, a_float, a_bool, none]
OTHER_TYPES = [a_bytes, a_set, a_frozenset]


def describe(value):
    kind = type(value)
    if kind is float:
        return "fNaN" if value != value else "f" + struct.pack(">d", value).hex()
    if kind is str:
        return json.dumps(value)
    if kind in (bytes, bytearray):
        return ("b" if kind is bytes else "a") + value.hex()
    if kind is dict:
        return "{" + ",".join(f"{describe(key)}:{describe(each)}" for key, each in value.items()) + "}"
    if kind in (set, frozenset):
        return ("s" if kind is set else "z") + "[" + ",".join(sorted(map(describe, value))) + "]"
    if kind in (list, tuple):
        return ("" if kind is list else "t") + "[" + ",".join(map(describe, value)) + "]"
    return {None: "null", True: "true", False: "false"}[value] if value is None or kind is bool else f"i{value}"


main(*sys.argv[1:])
