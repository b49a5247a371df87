"""Rate limits as django-ratelimit keeps them, and locks of redis-py, without Django: one call a process.

Arguments: the URL of a Redis, the name of an operation, and its arguments as JSON. Prints the result as JSON.
"""

import hashlib
import json
import sys
import zlib

import redis
from redis.exceptions import LockError
from redis.lock import Lock

FUDGE = 5


def counter_key(key_prefix, group, limit, period, value, methods, now):
    """Where Django's cache keeps the counter of django-ratelimit that is due at a moment (seconds since 1970)."""
    edge = now // period * period + zlib.crc32(value.encode()) % period
    window = edge if edge >= now else edge + period
    text = f"{group}{limit}/{period}s{value}{window}{''.join(sorted(methods))}"
    return f"{key_prefix}:1:rl:{hashlib.sha256(text.encode()).hexdigest()}"


def hit(client, times, period, **counter):
    """Counts, as Django's cache does with add and incr. Returns each count."""
    key = counter_key(period=period, **counter)
    counts = []
    for _ in range(times):
        is_added = client.set(key, 1, nx=True, ex=period + FUDGE)
        counts.append(1 if is_added else client.incr(key))
    return counts


def look(client, **counter):
    key = counter_key(**counter)
    count = client.get(key)
    return {"count": None if count is None else int(count), "ttl": client.ttl(key)}


def acquire(client, name, timeout, token, blocking_timeout=0.0):
    return Lock(client, name, timeout=timeout, sleep=0.01).acquire(
        blocking_timeout=blocking_timeout, token=token
    )


def _held(client, name, timeout, token):
    """The lock of a process that has acquired it with this token."""
    lock = Lock(client, name, timeout=timeout)
    lock.local.token = token.encode()
    return lock


def release(client, name, token):
    return _outcome(_held(client, name, 1, token).release)


def extend(client, name, token, seconds):
    return _outcome(lambda: _held(client, name, 1, token).extend(seconds, replace_ttl=True))


def _outcome(call):
    try:
        call()
    except LockError as error:
        return type(error).__name__
    return "done"


OPERATIONS = {"hit": hit, "look": look, "acquire": acquire, "release": release, "extend": extend}


def main():
    url, operation, arguments = sys.argv[1:]
    with redis.Redis.from_url(url) as client:
        print(json.dumps(OPERATIONS[operation](client, **json.loads(arguments))))


main()
