"""Settings of the site: the defaults here, and over them what SITE_SETTINGS holds, a JSON object of Django's names."""

import json
import os

from django.utils.module_loading import import_string

SECRET_KEY = "a secret of the tests, long enough"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]

# A login takes no time worth waiting for.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler", "level": "ERROR"}},
    "root": {"handlers": ["stderr"]},
}

globals().update(json.loads(os.environ["SITE_SETTINGS"]))

# JSON has no objects of Python: the class of a serde is named.
for _cache in globals().get("CACHES", {}).values():
    if "serde" in (_cache.get("OPTIONS") or {}):
        _cache["OPTIONS"]["serde"] = import_string(_cache["OPTIONS"]["serde"])()
