"""Logins, by django.contrib.auth with its own users and sessions in a database."""

from datetime import timedelta
from functools import cache

from describe import python_view
from django.contrib import auth
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.http import HttpRequest
from django.utils import timezone
from records import members_of


@cache
def make_tables():
    call_command("migrate", verbosity=0)


def login(user, password):
    """The record that a login by Django leaves behind."""
    request = _request(SessionStore())
    request.session["cart"] = {"tea": 1}
    auth.login(request, _user(user, password))
    request.session.save()
    return Session.objects.get(pk=request.session.session_key).session_data


def current_user(record, user, password):
    """Whom Django takes the visitor with this record for, when the user has this password hash by now."""
    _user(user, password)
    key = "0123456789abcdefghijklmnopqrstuv"
    tomorrow = timezone.now() + timedelta(days=1)
    Session.objects.all().delete()
    Session.objects.create(session_key=key, session_data=record, expire_date=tomorrow)
    request = _request(SessionStore(key))
    visitor = auth.get_user(request)
    return {
        "user": None if visitor.is_anonymous else str(visitor.pk),
        "hasNewKey": request.session.session_key != key,
        "members": members_of(dict(request.session.items()), python_view),
    }


def _user(user_id, password):
    make_tables()
    user, _ = User.objects.update_or_create(pk=user_id, defaults={"username": "ada", "password": password})
    user.backend = "django.contrib.auth.backends.ModelBackend"
    return user


def _request(session):
    request = HttpRequest()
    request.session = session
    return request
