from django.contrib.auth import authenticate, get_user_model, login, logout

from .bodies import body, json_view


def describe(user):
    """Who is logged in, as JSON; None for nobody."""
    return {"id": str(user.pk), "name": user.get_username()} if user.is_authenticated else None


@json_view
def log_in(request):
    """POST {"user": …, "password": …}: the user; None when the password is wrong."""
    credentials = body(request)
    user = authenticate(request, username=credentials["user"], password=credentials["password"])
    if user is None:
        return None
    login(request, user)
    return describe(user)


@json_view
def log_out(request):
    """POST: the session is over."""
    logout(request)


@json_view
def whoami(request):
    return describe(request.user)


@json_view
def stored_password(request):
    """GET ?user=…: the column `password`, which a service beside the site reads from the database."""
    return get_user_model().objects.get(username=request.GET["user"]).password
