"""Session records, by Django's own session engine."""

import json
import logging
import zlib
from datetime import datetime, timezone

from describe import javascript_view, python_view
from django.contrib.sessions.backends.db import SessionStore
from django.core import signing
from django.core.signing import b64_decode
from django_redis.serializers.json import JSONSerializer
from random_sessions import kinds, session


def decode(record, frames=0):
    """What Django reads, called through a number of stack frames, and whether it complained of the signature."""
    with Complaints() as complaints:
        data = _through_frames(frames, lambda: SessionStore().decode(record))
    return {"members": members_of(data, python_view), "complaints": complaints.messages}


def decode_entry(record):
    """What Django's engine cache reads in a cache of django-redis with its JSON serializer."""
    return {"members": members_of(JSONSerializer({}).loads(record.encode()), python_view), "complaints": []}


def make(seed, index):
    """A random session as a record, and what is in it."""
    data = session(seed, index)
    return {"record": SessionStore().encode(data), **_facts(data, (",", ":"))}


def make_entry(seed, index):
    """The same as Django's engine cache stores it in a cache of django-redis with its JSON serializer."""
    data = session(seed, index)
    return {"record": JSONSerializer({}).dumps(data).decode(), **_facts(data, (", ", ": "))}


def _facts(data, separators):
    return {
        "slices": [f"{json.dumps(key)}:{json.dumps(value, separators=separators)}" for key, value in data.items()],
        "members": members_of(data, python_view),
        "asJavaScript": javascript_view(data),
        "kinds": sorted(kinds(data)),
    }


def make_with_duplicates():
    """Python writes a key twice where an integer and a text look alike. It reads the last value at the first place."""
    data = {1: "first", "b": 2, "1": "last", "nested": {True: 1, "true": 2.0, None: 3}}
    store = SessionStore()
    record = store.encode(data)
    return {"record": record, "members": members_of(store.decode(record), python_view)}


def payload(record):
    """The JSON text inside of a record, taken apart step by step, as it stands."""
    value = signing.TimestampSigner(salt=SessionStore().key_salt).unsign(record)
    if value.startswith("."):
        return zlib.decompress(b64_decode(value[1:].encode())).decode("ascii")
    return b64_decode(value.encode()).decode("ascii")


def expiry(record, now):
    """How long a session lasts if it was saved now (seconds since the epoch), when it ends, and whether with the browser."""
    store = SessionStore()
    store._session_cache = store.decode(record)
    modification = datetime.fromtimestamp(now, timezone.utc)
    return {
        "age": store.get_expiry_age(modification=modification),
        "withBrowser": store.get_expire_at_browser_close(),
        "date": int(store.get_expiry_date(modification=modification).timestamp()),
    }


def with_expiry(seconds=None, at=None):
    """A record after set_expiry() with seconds, or with an instant (seconds since the epoch)."""
    store = SessionStore()
    store._session_cache = {"cart": 1}
    store.set_expiry(seconds if at is None else datetime.fromtimestamp(at, timezone.utc))
    return store.encode(store._session_cache)


def members_of(data, view):
    return [[key, view(value)] for key, value in data.items()]


def _through_frames(frames, call):
    return call() if frames == 0 else _through_frames(frames - 1, call)


class Complaints(logging.Handler):
    """Collects what Django logs about sessions while the block runs."""

    LOGGER = logging.getLogger("django.security.SuspiciousSession")

    def __init__(self):
        super().__init__()
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())

    def __enter__(self):
        self.LOGGER.addHandler(self)
        return self

    def __exit__(self, *_):
        self.LOGGER.removeHandler(self)
