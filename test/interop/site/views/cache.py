from django.core.cache import caches
from django.template import Context, Template

from .bodies import body, json_view

FRAGMENT = "{% load cache %}{% cache timeout NAME vary %}{{ text }}{% endcache %}"


@json_view
def operation(request):
    """POST {"operation": "incr", "arguments": ["key"], "options": {"version": 2}, "cache": "default"}.

    Calls a method of Django's cache. Answers what it gives, or {"error": the name of an exception}.
    """
    return call_method(body(request))


@json_view
def operations(request):
    """POST {"calls": […]}: the same, one after another. Answers all that they give."""
    return [call_method(call) for call in body(request)["calls"]]


def call_method(call):
    method = getattr(caches[call.get("cache", "default")], call["operation"])
    try:
        return method(*call.get("arguments", []), **call.get("options", {}))
    except Exception as error:
        return {"error": type(error).__name__}


@json_view
def fragment(request):
    """POST {"name": …, "vary": …, "text": …, "timeout": 300}: renders the text as a cached part of a page."""
    part = {"timeout": 300, **body(request)}
    # The tag takes the name as it stands, not as that of a variable.
    return Template(FRAGMENT.replace("NAME", part["name"])).render(Context(part))
