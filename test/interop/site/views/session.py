from django.contrib.messages import add_message, get_messages
from django.middleware.csrf import get_token
from django.utils.dateparse import parse_datetime

from .bodies import answer, body, json_view


@json_view
def data(request):
    """GET: all that the session holds. POST {…}: sets these members."""
    if request.method == "POST":
        request.session.update(body(request))
    return dict(request.session.items())


@json_view
def expiry(request):
    """POST {"seconds": …}, {"at": an ISO time} or {"seconds": None}: calls set_expiry. Answers what holds then."""
    session = request.session
    if request.method == "POST":
        sent = body(request)
        session.set_expiry(parse_datetime(sent["at"]) if "at" in sent else sent["seconds"])
    return {"age": session.get_expiry_age(), "endsWithBrowser": session.get_expire_at_browser_close()}


@json_view
def messages(request):
    """GET: takes the messages. POST {"level": 20, "text": …, "tags": ""}: adds one."""
    if request.method == "POST":
        sent = body(request)
        add_message(request, sent.get("level", 20), sent["text"], extra_tags=sent.get("tags", ""))
        return None
    return [
        {"level": message.level, "text": str(message), "tags": message.extra_tags}
        for message in get_messages(request)
    ]


@json_view
def csrf(request):
    """GET: the token that a form would carry."""
    return get_token(request)


def protected(request):
    """POST with the header X-CSRFToken; without the right token, 403."""
    return answer("done")
