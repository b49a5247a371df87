"""Sessions of Django's own engine (db) that a test brings as records, and takes as records."""

from datetime import timedelta

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone
from logins import make_tables

KEY = "0123456789abcdefghijklmnopqrstuv"


def request_with(record):
    """A request whose cookie names the session with this record, or one of a new visitor."""
    make_tables()
    Session.objects.all().delete()
    if record is not None:
        tomorrow = timezone.now() + timedelta(days=1)
        Session.objects.create(session_key=KEY, session_data=record, expire_date=tomorrow)
    request = HttpRequest()
    request.session = SessionStore(None if record is None else KEY)
    return request


def finish(request):
    """Saves the session as the middleware of sessions does, and tells what is stored then."""
    if request.session.modified and not request.session.is_empty():
        request.session.save()
    stored = Session.objects.filter(pk=request.session.session_key).first()
    return {
        "record": stored and stored.session_data,
        "hasNewKey": request.session.session_key != KEY,
        "isOldGone": not Session.objects.filter(pk=KEY).exists(),
    }
