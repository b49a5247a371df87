from django_ratelimit.core import get_usage, is_ratelimited
from django_ratelimit.decorators import ratelimit

from .bodies import body, json_view


@json_view
@ratelimit(group="site.limited", key="header:x-visitor", rate="3/30d", method=ratelimit.ALL, block=True)
def limited(request):
    """Three requests a visitor and month; after them 403."""
    return "done"


def arguments(request):
    """POST {"group": …, "value": …, "rate": "5/m", "method": …, "increment": True}, as django-ratelimit wants them."""
    sent = body(request)
    value = sent.pop("value")
    return {"request": request, "key": lambda group, request: value, "method": ratelimit.ALL, **sent}


@json_view
def usage(request):
    return get_usage(**arguments(request))


@json_view
def is_limited(request):
    return is_ratelimited(**arguments(request))
