"""Values of a cache in Redis, by what Python's standard library does: the calls that codex-django's CacheCoder makes,
json as its serializer has it, and zlib by the rule of django-redis.

    cache_values.py write URL SEED COUNT    stores random values of each kind under python:{kind}:{n}
    cache_values.py read URL                reads what is under node:{kind}:{n}

Each prints an object: by key, what the value means and, for the kinds of CacheCoder, how Python dumps it.
"""

import json
import random
import sys
import zlib
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import redis
from describe import javascript_view, python_view
from random_sessions import session

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
# django-redis: ZlibCompressor.min_length and preset.
MIN_LENGTH = 15
LEVEL = 6


def main(operation, url, *arguments):
    with redis.Redis.from_url(url) as client:
        print(json.dumps(OPERATIONS[operation](client, *arguments)))


def write(client, seed, count):
    source = random.Random(seed)
    report = {}
    for kind, (make, dump, _, mean) in KINDS.items():
        for index in range(int(count)):
            key = f"python:{kind}:{index}"
            value = make(source, index)
            stored = _dumps(dump(value), source)
            client.set(key, stored)
            report[key] = {"dumped": json.dumps(dump(value)), "means": mean(value)}
    for index in range(int(count)):
        data = session(seed, index)
        _strip_surrogates(data)
        client.set(f"python:packed:{index}", _pack(_dumps(data, source)))
        report[f"python:packed:{index}"] = {"means": javascript_view(data)}
    return report


def read(client):
    report = {}
    for key in client.scan_iter(match="node:*", count=1000):
        _, kind, _ = key.decode().split(":")
        stored = client.get(key)
        if kind == "packed":
            report[key.decode()] = {"means": python_view(json.loads(_unpack(stored)))}
            continue
        _, dump, load, mean = KINDS[kind]
        value = load(json.loads(stored))
        report[key.decode()] = {"dumped": json.dumps(dump(value)), "means": mean(value)}
    return report


def _dumps(value, source):
    """As codex-django writes it, or as django-redis does: with spaces and in ASCII."""
    if source.random() < 0.5:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return json.dumps(value).encode()


def _pack(stored):
    if len(stored) > MIN_LENGTH:
        return zlib.compress(stored, LEVEL)
    return stored


def _unpack(stored):
    try:
        return str(int(stored)).encode()
    except ValueError:
        pass
    try:
        return zlib.decompress(stored)
    except zlib.error:
        return stored


def _strip_surrogates(data):
    """Lone surrogates cannot be stored as UTF-8 at all."""
    for key in [key for key in data if "\\ud" in json.dumps({key: data[key]})]:
        del data[key]


def _aware(source, _):
    return (EPOCH + _span(source)).astimezone(timezone(_offset(source)))


def _naive(source, _):
    return (EPOCH + _span(source)).replace(tzinfo=None)


def _span(source):
    microseconds = source.randrange(-60 * 10**15, 250 * 10**15)
    return timedelta(microseconds=microseconds // (unit := source.choice([1, 1000, 10**6])) * unit)


def _offset(source):
    seconds = source.choice([0, 3600, -12615, 20700, source.randrange(-80000, 80000)])
    return timedelta(seconds=seconds, microseconds=source.choice([0, 0, 0, source.randrange(10**6)]))


def _delta(source, index):
    # A float keeps microseconds for 270 years.
    return timedelta(microseconds=source.choice([0, 1, -1, index, source.randrange(-(2**52), 2**52)]))


def _decimal(source, _):
    exponent = source.randrange(-12, 12)
    special = ["NaN", "Infinity", "-Infinity", "-0", "0E-8", "1E+5", "1.50", "sNaN", "NaN123"]
    number = Decimal((source.randrange(2), tuple(source.choices(range(10), k=source.randrange(1, 30))), exponent))
    return source.choice([number, number, number, Decimal(source.choice(special))])


def _text_set(source, _):
    return {source.choice(["a", "b", "é", "😀", ""]) + str(source.randrange(5)) for _ in range(source.randrange(6))}


def _aware_means(value):
    return str((value - EPOCH) // MICROSECOND)


def _bool(source, _):
    return source.choice([True, False])


# For each kind: make one, dump it, load it, and say what it means.
KINDS = {
    "datetime": (_aware, datetime.isoformat, datetime.fromisoformat, _aware_means),
    "naive": (_naive, datetime.isoformat, datetime.fromisoformat, datetime.isoformat),
    "date": (lambda source, _: _naive(source, _).date(), date.isoformat, date.fromisoformat, date.isoformat),
    "time": (lambda source, _: _aware(source, _).timetz(), time.isoformat, time.fromisoformat, time.isoformat),
    "timedelta": (
        _delta,
        timedelta.total_seconds,
        lambda raw: timedelta(seconds=float(raw)),
        lambda value: str(value // MICROSECOND),
    ),
    "decimal": (_decimal, str, Decimal, str),
    "uuid": (lambda source, _: UUID(int=source.getrandbits(128)), str, UUID, lambda value: value.hex),
    "set": (_text_set, list, set, lambda value: json.dumps(sorted(value))),
    "bytes": (
        lambda source, _: source.randbytes(source.randrange(20)),
        bytes.hex,
        bytes.fromhex,
        lambda value: str(list(value)),
    ),
    "bool": (_bool, lambda value: "1" if value else "0", lambda raw: raw == "1", str),
}

OPERATIONS = {"write": write, "read": read}

if __name__ == "__main__":
    main(*sys.argv[1:])
