"""django.contrib.auth on sessions that a test brings: who is logged in, logins, and changes of the password."""

from django.contrib import auth
from django.contrib.auth.models import AnonymousUser, User
from django.test.utils import override_settings
from stored_sessions import finish, request_with


def get_user(record, users, backends):
    """Whom Django takes the visitor for, and what is left of the session."""
    request = request_with(record)
    _store(users)
    with override_settings(AUTHENTICATION_BACKENDS=backends):
        visitor = auth.get_user(request)
    return {"user": None if visitor.is_anonymous else str(visitor.pk), **finish(request)}


def login(record, user):
    """What is in the session after a login by Django."""
    request = request_with(record)
    _store([user])
    auth.login(request, User.objects.get(pk=user["id"]))
    return finish(request)


def logout(record):
    request = request_with(record)
    auth.logout(request)
    return finish(request)


def update_session_auth_hash(record, visitor, changed):
    """What is in the session of a visitor after somebody's password has changed to this hash."""
    request = request_with(record)
    _store([changed])
    request.user = AnonymousUser() if visitor is None else User(pk=visitor)
    auth.update_session_auth_hash(request, User.objects.get(pk=changed["id"]))
    return finish(request)


def _store(users):
    User.objects.all().delete()
    for user in users:
        User.objects.create(
            pk=user["id"],
            username=f"user{user['id']}",
            password=user["password"],
            is_active=user.get("isActive", True),
        )
