"""Django's protection against forged requests, with its secret in the session (CSRF_USE_SESSIONS)."""

from django.contrib import auth
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token, rotate_token
from django.test.utils import override_settings
from stored_sessions import finish, request_with

use_sessions = override_settings(CSRF_USE_SESSIONS=True)


@use_sessions
def token(record):
    """The token of a page with a form, and what is in the session then."""
    middleware, request = _begin(record)
    given = get_token(request)
    return {"token": given, **_finish(middleware, request)}


@use_sessions
def is_accepted(record, token, header):
    """Whether a POST with this token gets through to its view."""
    middleware, request = _begin(record)
    request.method = "POST"
    if header:
        request.META["HTTP_X_CSRFTOKEN"] = token
    else:
        request.POST = {"csrfmiddlewaretoken": token}
    return middleware.process_view(request, None, (), {}) is None


@use_sessions
def login(record, user, password):
    """What is in the session after a login, which gives it another secret."""
    middleware, request = _begin(record)
    User.objects.all().delete()
    auth.login(request, User.objects.create(pk=user, username="ada", password=password))
    return _finish(middleware, request)


@use_sessions
def rotate(record):
    middleware, request = _begin(record)
    rotate_token(request)
    return _finish(middleware, request)


def _begin(record):
    request = request_with(record)
    middleware = CsrfViewMiddleware(lambda _: HttpResponse())
    middleware.process_request(request)
    return middleware, request


def _finish(middleware, request):
    middleware.process_response(request, HttpResponse())
    return finish(request)
