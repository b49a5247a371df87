"""Session data as Python code makes it, random but the same for the same seed and index."""

import json
import random

# Each session has one of these, in turn, so that none is left to chance.
SPECIAL_VALUES = [
    1.0,
    -0.0,
    0.0,
    1e16,
    1e-05,
    1e22,
    123456789012345680.0,
    5e-324,
    1.7976931348623157e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    [float("nan"), {"deep": float("-inf")}],
    2**53 - 1,
    2**53,
    2**53 + 1,
    -(2**63),
    2**70 + 1,
    -(2**70) - 3,
    # The longest that Python itself reads: sys.int_info.default_max_str_digits.
    10**4299,
    -(10**4299),
    True,
    False,
    None,
    0,
    1,
    [1, 1.0, True],
    "",
    "\ud800",
    "\udfff\ud800 turned round",
    {"\ud83d": "half of a face as key"},
    "\x7f",
    "\u2028\u2029\x00\x1f\"\\/",
    "é😀\U0010ffff",
    "NaN -Infinity 12345678901234567890",
    [],
    {},
    [[], {}, [[]], {"": {}}],
    {"__proto__": {"is_admin": 1.0}, "constructor": 1, "toString": None},
    {"10": 1, "9": 2.0, "x": 3, "1": 4, "-1": 5, "01": 6, "4294967295": 7, "4294967294": 8},
    "x" * 5000,
    [0.1] * 1000,
]

TOP_LEVEL_KEYS = ["__proto__", "10", "9", "é", "😀", "\x7f", "\ud800", "", "constructor", "a.b", "hasOwnProperty", "4294967295"]


def session(seed, index):
    source = random.Random(f"{seed}/{index}")
    members = [(_key(source), _value(source, 0)) for _ in range(source.randrange(1, 9))]
    members.append((_key(source), SPECIAL_VALUES[index % len(SPECIAL_VALUES)]))
    if index % 10 == 0:
        members.append(("deep", _nested(source, source.randrange(300, 500))))
    source.shuffle(members)
    return dict(members)


def kinds(data):
    """Names of what is in a session that a reader may get wrong."""
    found = set()
    nodes = [(data, 0)]
    while nodes:
        value, depth = nodes.pop()
        found.update(name for name, holds in KINDS.items() if holds(value))
        if depth >= 300:
            found.add("300 levels")
        children = value if isinstance(value, list) else [*value, *value.values()] if isinstance(value, dict) else []
        nodes.extend((child, depth + 1) for child in children)
    return found


def _has_odd_order(value):
    """Whether JavaScript would put the keys that look like indexes into another order."""
    indexes = [int(key) for key in value if key.isascii() and key.isdigit() and str(int(key)) == key]
    return indexes != sorted(indexes)


KINDS = {
    "whole float": lambda value: type(value) is float and value.is_integer(),
    "negative zero": lambda value: type(value) is float and repr(value) == "-0.0",
    "1e+16": lambda value: type(value) is float and value == 1e16,
    "integer of 70 bits": lambda value: type(value) is int and value.bit_length() in (70, 71),
    "surrogate": lambda value: type(value) is str and any("\ud800" <= unit <= "\udfff" for unit in value),
    "DEL": lambda value: type(value) is str and "\x7f" in value,
    "keys in odd order": lambda value: type(value) is dict and _has_odd_order(value),
    "NaN": lambda value: type(value) is float and value != value,
    "infinity": lambda value: type(value) is float and abs(value) == float("inf"),
}


def _key(source):
    return source.choice([source.choice(TOP_LEVEL_KEYS), str(source.randrange(100)), _text(source)])


def _value(source, depth):
    makers = [_scalar] * 3 + ([_list, _dict] if depth < 4 else [])
    return source.choice(makers)(source, depth)


def _scalar(source, _depth):
    return source.choice([_integer, _float, _text, lambda each: each.choice([True, False, None])])(source)


def _list(source, depth):
    return [_value(source, depth + 1) for _ in range(source.randrange(5))]


def _dict(source, depth):
    return {_key(source): _value(source, depth + 1) for _ in range(source.randrange(5))}


def _integer(source):
    return source.getrandbits(source.choice([3, 31, 53, 64, 70])) * source.choice([1, -1])


def _float(source):
    return source.choice([source.random(), source.gauss(0, 1e6), float(source.randrange(100)), 10.0 ** source.randrange(-300, 300)])


def _text(source):
    alphabets = ["abc xyz", "\x00\x07\x1f\"\\/\x7f\x80", "éß中\u2028\uffff", "😀𝒳\U0010ffff", "\ud83d\ude00\udc00"]
    alphabet = source.choice(alphabets)
    text = "".join(source.choice(alphabet) for _ in range(source.randrange(12)))
    # Two halves of a pair side by side are another text than the pair, but not in JSON.
    return json.loads(json.dumps(text))


def _nested(source, levels):
    value = 1.0
    for _ in range(levels):
        value = source.choice([lambda inner: [inner], lambda inner: {"in": inner}])(value)
    return value
