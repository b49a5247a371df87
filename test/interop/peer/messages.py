"""django.contrib.messages, kept in the session."""

import json

from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.cookie import MessageEncoder
from django.contrib.messages.storage.session import SessionStorage
from django.http import HttpResponse
from django.test.utils import override_settings
from django.utils.safestring import SafeData, mark_safe
from stored_sessions import finish, request_with

every_level = override_settings(MESSAGE_LEVEL=0)


@every_level
def add(record, messages):
    """What is in the session after these messages were added."""
    storage, request = _begin(record)
    for level, text, extra_tags, is_safe in messages:
        storage.add(level, mark_safe(text) if is_safe else text, extra_tags)
    return _finish(storage, request)


def take(record):
    """What a page shows of the session's messages, and what is in the session then."""
    storage, request = _begin(record)
    shown = [_show(message) for message in storage]
    return {"messages": shown, **_finish(storage, request)}


def nested(record):
    """A session with messages in lists and dicts, as MessageEncoder writes them."""
    _, request = _begin(record)
    items = [Message(20, "one"), [Message(25, "two", "x")], {"three": Message(30, "three"), "left": 5}, []]
    request.session["_messages"] = MessageEncoder().encode(items)
    return finish(request)


def text(record):
    """The text itself, and whether it is what MessageEncoder would write for what is in it."""
    storage, request = _begin(record)
    stored = request.session.get("_messages")
    messages, _ = storage._get()
    return {"stored": json.loads(stored), "again": json.loads(storage.serialize_messages(messages))}


def _show(message):
    return {
        "level": message.level,
        "message": str(message.message),
        "extraTags": message.extra_tags,
        "levelTag": message.level_tag,
        "tags": message.tags,
        "isSafe": isinstance(message.message, SafeData),
    }


def _begin(record):
    request = request_with(record)
    return SessionStorage(request), request


def _finish(storage, request):
    storage.update(HttpResponse())
    return finish(request)
