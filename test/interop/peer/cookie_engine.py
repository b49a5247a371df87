"""Sessions in cookies, by Django's own engine signed_cookies."""

from describe import python_view
from django.contrib.sessions.backends.signed_cookies import SessionStore
from records import members_of


def save(cookie, changes):
    """Sets members of the session that a cookie's value carries, or of a new one, and gives the value to send then."""
    store = SessionStore(cookie)
    store.update(changes)
    store.save()
    return store.session_key


def load(cookie):
    """What Django finds in a cookie's value; None where it takes the visitor for a new one."""
    store = SessionStore(cookie)
    data = store.load()
    # Of a value that it cannot take, Django makes a new session, which is to be sent.
    return None if store.modified else members_of(data, python_view)
