"""Sessions in Redis as codex-django keeps them: a string under {PROJECT_NAME}:session:{key}, signed by Django."""

import redis
from describe import python_view
from django.contrib.sessions.backends.db import SessionStore
from records import members_of


def write(url, project, key, changes):
    """Sets members of a session (pairs of key and value) and stores it for its time. It need not be there yet."""
    store = SessionStore()
    with redis.Redis.from_url(url) as client:
        stored = client.get(_redis_key(project, key))
        data = {} if stored is None else store.decode(stored.decode("ascii"))
        data.update(changes)
        client.set(_redis_key(project, key), store.encode(data), ex=store.get_session_cookie_age())


def read(url, project, key):
    with redis.Redis.from_url(url) as client:
        stored = client.get(_redis_key(project, key))
        ttl = client.ttl(_redis_key(project, key))
    data = None if stored is None else members_of(SessionStore().decode(stored.decode("ascii")), python_view)
    return {"members": data, "ttl": ttl}


def _redis_key(project_name, key):
    return f"{project_name}:session:{key}"
