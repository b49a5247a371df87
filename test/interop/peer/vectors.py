"""What Django signs at one fixed time, for comparison with the constants in the unit tests."""

from unittest.mock import patch

from django.contrib.auth.models import User
from django.contrib.sessions.backends import db, signed_cookies
from django.core import signing
from django.test.utils import override_settings

TIME = 1_700_000_000
PASSWORD = "pbkdf2_sha256$260000$abc$def="
CART = {"cart": list(range(1, 40)), "name": "x" * 60}
PYTHON_ONLY = {"n": 'é😀\u2028\x7f/"\\\n', "f": 1e16, "z": -0.0, "i": 10**20}


def all_vectors():
    with patch("time.time", return_value=TIME):
        return [*signed_texts(), *session_records(), *auth_hashes()]


def signed_texts():
    return [
        signing.Signer().sign("hello"),
        signing.Signer(salt="s").sign("hello"),
        signing.TimestampSigner(salt="s").sign("hello"),
        signing.dumps("hello"),
        signing.dumps({"a": 1, "b": [True, None, 1.5, "é😀"]}),
        signing.dumps({"a": 1}, compress=True),
        signing.dumps(CART),
        signing.dumps(CART, compress=True),
    ]


def session_records():
    store = db.SessionStore()
    cookie_store = signed_cookies.SessionStore()
    cookie_store["foo"] = "bar"
    login = {
        "_auth_user_id": "42",
        "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
        "_auth_user_hash": User(password=PASSWORD).get_session_auth_hash(),
    }
    sessions = [{}, {"foo": "bar"}, login, PYTHON_ONLY]
    with override_settings(SECRET_KEY="old-secret"):
        signed_with_old_secret = store.encode({"foo": "bar"})
    return [*map(store.encode, sessions), cookie_store._get_session_key(), signed_with_old_secret]


def auth_hashes():
    user = User(password=PASSWORD)
    with override_settings(SECRET_KEY_FALLBACKS=["old-secret"]):
        return [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]


def loads(signed, salt):
    """Whether Django takes a text for signed by itself."""
    try:
        signing.loads(signed, salt=salt)
        return True
    except signing.BadSignature:
        return False


def base62(integers):
    return [signing.b62_encode(integer) for integer in integers]
