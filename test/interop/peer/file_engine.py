"""Sessions in files, by Django's own file engine."""

from contextlib import contextmanager

from describe import python_view
from django.contrib.sessions.backends.file import SessionStore
from django.test.utils import override_settings
from records import members_of


def save(path, prefix, key, changes):
    """Sets members of a session, or of a new one where there is no key, and saves it. The key is returned."""
    with _engine(path, prefix):
        store = SessionStore(key)
        store.update(changes)
        store.save()
        return store.session_key


def load(path, prefix, key):
    """What Django finds under a key, and when that ends, in seconds since the epoch."""
    with _engine(path, prefix):
        store = SessionStore(key)
        data = store.load()
        if store.session_key != key:
            return {"members": None, "endsAt": None}
        ends_at = store._expiry_date({}).timestamp()
        return {"members": members_of(data, python_view), "endsAt": ends_at}


def delete(path, prefix, key):
    with _engine(path, prefix):
        SessionStore(key).delete()


def clear(path, prefix):
    """What `manage.py clearsessions` does."""
    with _engine(path, prefix):
        SessionStore.clear_expired()


@contextmanager
def _engine(path, prefix):
    # The engine keeps the path that it has seen first.
    SessionStore._storage_path = path
    with override_settings(SESSION_COOKIE_NAME=prefix):
        yield
