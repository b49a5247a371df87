import json
from functools import wraps

from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt


def answer(value):
    """A value of any type as the body."""
    return JsonResponse(value, safe=False)


def body(request):
    """What was sent; nothing is an empty object."""
    return json.loads(request.body or b"{}")


def json_view(view):
    """A view that gives the value of its answer, and takes requests from other sites' pages."""

    @csrf_exempt
    @wraps(view)
    def with_json(request):
        return answer(view(request))

    return with_json
