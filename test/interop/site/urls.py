from django.urls import path

from views import accounts, cache, cart, limits, session

urlpatterns = [
    path("login", accounts.log_in),
    path("logout", accounts.log_out),
    path("whoami", accounts.whoami),
    path("stored-password", accounts.stored_password),
    path("cart", cart.cart),
    path("session", session.data),
    path("expiry", session.expiry),
    path("messages", session.messages),
    path("csrf", session.csrf),
    path("protected", session.protected),
    path("cache", cache.operation),
    path("cache-calls", cache.operations),
    path("fragment", cache.fragment),
    path("limited", limits.limited),
    path("usage", limits.usage),
    path("is-ratelimited", limits.is_limited),
]
