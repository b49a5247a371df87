"""The keys of the real django-ratelimit, and locks of redis-py and django-redis: one call a process.

Arguments: the URL of a Redis, the name of an operation, and its arguments as JSON. Prints the result as JSON.
"""

import json
import sys
from types import SimpleNamespace

import redis
from django.conf import settings
from redis.exceptions import LockError
from redis.lock import Lock


def keys(client, counters):
    """Where django-ratelimit keeps each counter, each at a moment of its own (seconds since 1970)."""
    settings.configure()
    return [_key(**counter) for counter in counters]


def _key(prefix, group, rate, value, methods, now):
    from django_ratelimit import core

    settings.RATELIMIT_CACHE_PREFIX = prefix
    core.time = SimpleNamespace(time=lambda: now)
    _, period = core._split_rate(rate)
    return core._make_cache_key(group, core._get_window(value, period), rate, value, methods)


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


def acquire_by_django(client, prefix, key):
    """Whether django-redis's own `cache.lock()` can be had at once."""
    backend = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": sys.argv[1], "KEY_PREFIX": prefix}
    settings.configure(CACHES={"default": backend})
    from django.core.cache import cache

    return cache.lock(key, timeout=60).acquire(blocking=False)


def _outcome(call):
    try:
        call()
    except LockError as error:
        return type(error).__name__
    return "done"


OPERATIONS = {
    "keys": keys,
    "acquire": acquire,
    "release": release,
    "extend": extend,
    "acquire_by_django": acquire_by_django,
}


def main():
    url, operation, arguments = sys.argv[1:]
    with redis.Redis.from_url(url) as client:
        print(json.dumps(OPERATIONS[operation](client, **json.loads(arguments))))


main()
